-- Fresh budgets, due at once. The token stays: it must never repeat.
UPDATE queue_tasks
SET state = 2, attempt = 0, crashes = 0, run_at = NULL, started_at = NULL, finished_at = NULL,
    cancel_requested_at = NULL, exit_code = NULL, signal = NULL, reason = NULL, message = NULL
WHERE id = ?1 AND state IN (5, 6, 7)
