-- Fresh budgets, due at once, without a deadline. The token stays: it must never repeat.
UPDATE queue_tasks
SET state = ?2, unmet = ?3, attempt = 0, crashes = 0, run_at = NULL, finished_at = NULL,
    cancel_requested_at = NULL, exit_code = NULL, signal = NULL, reason = NULL, message = NULL,
    cause = NULL, expires_at = NULL, deadline_at = NULL
WHERE id = ?1
