-- Every limit with the tasks that run under it, and the first ?1 that wait under it.
SELECT l.kind, l.name, l.concurrency, l.rate, l.rate_ms,
       iif(l.kind = 0,
           (SELECT count(*) FROM queue_tasks INDEXED BY queue_tasks_gated
            WHERE gate IS NOT NULL AND state = 3 AND gate = l.id),
           (SELECT count(*) FROM queue_tasks INDEXED BY queue_tasks_keyed
            WHERE limit_key IS NOT NULL AND unmet = 0 AND state BETWEEN 1 AND 3
              AND limit_key = l.name AND state = 3)),
       iif(l.kind = 0,
           (SELECT count(*) FROM (
                SELECT 1 FROM queue_queues AS q
                CROSS JOIN queue_tasks AS t INDEXED BY queue_tasks_claim ON t.queue = q.id
                WHERE t.state = 2 AND q.name = CAST(l.name AS TEXT) LIMIT ?1)),
           (SELECT count(*) FROM (
                SELECT 1 FROM queue_tasks INDEXED BY queue_tasks_keyed
                WHERE limit_key IS NOT NULL AND unmet = 0 AND state BETWEEN 1 AND 3
                  AND limit_key = l.name AND state BETWEEN 1 AND 2 LIMIT ?1)))
FROM queue_limits AS l
ORDER BY l.kind, l.name
LIMIT ?2
