-- Every running task with its lease.
SELECT id, token, worker, lease_until
FROM queue_tasks INDEXED BY queue_tasks_running
WHERE state = 3
