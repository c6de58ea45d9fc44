-- The next task of a priority of a handler queue after task ?3, as in claim_heads.sql.
SELECT id, priority, max(created_at, coalesce(run_at, created_at))
FROM queue_tasks INDEXED BY queue_tasks_claim
WHERE state = 2 AND queue = ?1 AND priority = ?2 AND id > ?3
ORDER BY id
LIMIT 1
