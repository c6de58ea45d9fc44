-- Handler queues with queued tasks. Each step goes to the first entry of the next queue in the claim
-- index, so that queues without tasks cost nothing.
WITH RECURSIVE ready (id) AS (
    SELECT min(queue) FROM queue_tasks INDEXED BY queue_tasks_claim WHERE state = 2
    UNION ALL
    SELECT (SELECT min(queue) FROM queue_tasks INDEXED BY queue_tasks_claim
            WHERE state = 2 AND queue > ready.id)
    FROM ready WHERE ready.id IS NOT NULL
)
SELECT id FROM ready WHERE id IS NOT NULL LIMIT ?1
