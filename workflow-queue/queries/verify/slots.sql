-- No free slot of a limit key is kept from a task that waits for it. Every handler queue is offered all
-- the free ones (workflow-queue/src/sqlite/limits.rs).
WITH queues AS (
    SELECT limit_key, queue, sum(state = 1) AS parked, sum(state = 2) AS ready
    FROM queue_tasks WHERE limit_key IS NOT NULL AND unmet = 0 AND state BETWEEN 1 AND 3
    GROUP BY limit_key, queue
), keys AS (
    SELECT limit_key, sum(state = 3) AS running
    FROM queue_tasks WHERE limit_key IS NOT NULL AND unmet = 0 AND state BETWEEN 1 AND 3
    GROUP BY limit_key
)
SELECT queues.parked || ' tasks of queue id ' || queues.queue || ' wait for a free slot of key '
       || quote(queues.limit_key)
FROM queues JOIN keys USING (limit_key)
LEFT JOIN queue_limits AS l ON l.kind = 1 AND l.name = queues.limit_key
WHERE queues.parked > 0
  AND (l.concurrency IS NULL OR keys.running + queues.ready < l.concurrency)
