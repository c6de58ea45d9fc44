-- Fresh budgets, due at once. The token stays, because it must never repeat. The number of the last
-- attempt stays, too; an attempt whose worker died had a number, but was not counted.
UPDATE queue_tasks
SET state = 2, attempt = attempt + (worker IS NULL AND started_at IS NOT NULL), crashes = 0,
    run_at = NULL, started_at = NULL, finished_at = NULL,
    cancel_requested_at = NULL, exit_code = NULL, signal = NULL, reason = NULL, message = NULL,
    cpu_us = NULL, rss_kb = NULL
WHERE id = ?1 AND state IN (5, 6, 7)
