-- Columns for a decision about a running task, and for the check of its claim.
SELECT state, token, worker, attempt, crashes, cancel_requested_at, options,
       coalesce((SELECT attempts FROM queue_retried WHERE task = id), 0)
FROM queue_tasks WHERE id = ?1
