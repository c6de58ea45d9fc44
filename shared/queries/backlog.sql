-- Handler queues with queued tasks, paused ones only if ?2. Each step goes to the first entry of
-- the next queue in the claim index, so that queues without tasks cost nothing, however many there
-- are.
WITH RECURSIVE ready (id) AS (
    SELECT min(queue) FROM queue_tasks INDEXED BY queue_tasks_claim WHERE state = 2
    UNION ALL
    SELECT (SELECT min(queue) FROM queue_tasks INDEXED BY queue_tasks_claim
            WHERE state = 2 AND queue > ready.id)
    FROM ready WHERE ready.id IS NOT NULL
)
SELECT q.id, q.name, q.handler
FROM ready CROSS JOIN queue_queues AS q ON q.id = ready.id
WHERE ?2 OR q.paused_at IS NULL
LIMIT ?1
