-- Moves due tasks into the claim index, the earliest first; tasks under a limit wait for it.
UPDATE queue_tasks SET state = iif(limit_key IS NULL, 2, 1)
WHERE id IN (SELECT id FROM queue_tasks INDEXED BY queue_tasks_due
             WHERE state = 0 AND run_at <= ?1 ORDER BY run_at LIMIT 1000)
RETURNING limit_key
