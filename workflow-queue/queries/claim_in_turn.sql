-- As claim_one.sql, for the first of up to four handler queues with a task, in the order in which they
-- take turns. A queue with a limit or ageing needs more than this statement, which then takes nothing;
-- a paused one has no turn. The function also keeps the queue id.
UPDATE queue_tasks
SET state = 3, attempt = attempt + 1, crashes = crashes + 1, token = token + 1, worker = ?1,
    started_at = queue_claimed(?2, ?1, id, token, name, kind, payload, priority, attempt, options,
                               depends, queue),
    lease_until = ?3
WHERE id = coalesce(
    (SELECT iif(q.limited = 1 OR q.ageing_ms IS NOT NULL, -1,
                (SELECT id FROM queue_tasks INDEXED BY queue_tasks_claim
                 WHERE state = 2 AND queue = q.id ORDER BY priority DESC, id LIMIT 1))
     FROM queue_queues AS q WHERE q.id = ?4 AND q.paused_at IS NULL),
    (SELECT iif(q.limited = 1 OR q.ageing_ms IS NOT NULL, -1,
                (SELECT id FROM queue_tasks INDEXED BY queue_tasks_claim
                 WHERE state = 2 AND queue = q.id ORDER BY priority DESC, id LIMIT 1))
     FROM queue_queues AS q WHERE q.id = ?5 AND q.paused_at IS NULL),
    (SELECT iif(q.limited = 1 OR q.ageing_ms IS NOT NULL, -1,
                (SELECT id FROM queue_tasks INDEXED BY queue_tasks_claim
                 WHERE state = 2 AND queue = q.id ORDER BY priority DESC, id LIMIT 1))
     FROM queue_queues AS q WHERE q.id = ?6 AND q.paused_at IS NULL),
    (SELECT iif(q.limited = 1 OR q.ageing_ms IS NOT NULL, -1,
                (SELECT id FROM queue_tasks INDEXED BY queue_tasks_claim
                 WHERE state = 2 AND queue = q.id ORDER BY priority DESC, id LIMIT 1))
     FROM queue_queues AS q WHERE q.id = ?7 AND q.paused_at IS NULL)
) AND limit_key IS NULL AND deadline_at IS NULL
