-- What a decision about a running task needs, and what tells whose it is.
SELECT state, token, worker, attempt, crashes, cancel_requested_at, options
FROM queue_tasks WHERE id = ?1
