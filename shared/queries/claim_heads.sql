-- The oldest task of each priority of a handler queue, with the time since which it could run. Each
-- step goes to the first entry of the next priority in the claim index. Of more than 32 priorities the
-- 31 highest and the lowest, so that the lowest ones come to run too.
WITH RECURSIVE highest (priority) AS (
    SELECT max(priority) FROM queue_tasks INDEXED BY queue_tasks_claim
    WHERE state = 2 AND queue = ?1
    UNION ALL
    SELECT (SELECT max(priority) FROM queue_tasks INDEXED BY queue_tasks_claim
            WHERE state = 2 AND queue = ?1 AND priority < highest.priority)
    FROM highest WHERE highest.priority IS NOT NULL
    LIMIT 31
), compared (priority) AS (
    SELECT priority FROM highest
    UNION
    SELECT min(priority) FROM queue_tasks INDEXED BY queue_tasks_claim
    WHERE state = 2 AND queue = ?1
)
SELECT t.id, t.priority, max(t.created_at, coalesce(t.run_at, t.created_at))
FROM compared CROSS JOIN queue_tasks AS t
    ON t.id = (SELECT min(id) FROM queue_tasks INDEXED BY queue_tasks_claim
               WHERE state = 2 AND queue = ?1 AND priority = compared.priority)
