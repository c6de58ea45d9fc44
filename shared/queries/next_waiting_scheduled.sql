-- The ?1 scheduled tasks that come due first.
SELECT id
FROM queue_tasks INDEXED BY queue_tasks_due
WHERE state = 0
ORDER BY run_at, id
LIMIT ?1
