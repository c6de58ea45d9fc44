-- The running tasks of a dead worker.
SELECT id, token, attempt, crashes, cancel_requested_at, options,
       coalesce((SELECT attempts FROM queue_retried WHERE task = id), 0)
FROM queue_tasks INDEXED BY queue_tasks_running
WHERE state = 3 AND worker = ?1
ORDER BY id
