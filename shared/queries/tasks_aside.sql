-- Waiting tasks that were set aside.
SELECT id, kind, payload, options FROM queue_tasks INDEXED BY queue_tasks_claim
WHERE state = 2 AND queue = ?1
