-- Ids of the first ?1 handler queues with a queued task, each found by one search of the index, and
-- their ageing.
WITH RECURSIVE found(queue) AS (
    SELECT (SELECT min(queue) FROM queue_tasks INDEXED BY queue_tasks_claim WHERE state = 2)
    UNION ALL
    SELECT (SELECT min(queue) FROM queue_tasks INDEXED BY queue_tasks_claim
            WHERE state = 2 AND queue > found.queue)
    FROM found
    WHERE found.queue IS NOT NULL
    LIMIT ?1
)
SELECT queue, (SELECT ageing_ms FROM queue_queues WHERE id = found.queue)
FROM found WHERE queue IS NOT NULL
