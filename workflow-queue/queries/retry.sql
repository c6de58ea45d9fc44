-- Fresh budgets, due at once; its time limits begin now (?4). The token stays: it must never repeat.
-- The number of the last attempt stays too; it includes an attempt whose worker died, which was not
-- counted. If one of the two time limits is missing, the other stands in for it, so that min() gives
-- the earlier of both.
UPDATE queue_tasks
SET state = ?2, unmet = ?3, attempt = attempt + (worker IS NULL AND started_at IS NOT NULL),
    crashes = 0, run_at = NULL, started_at = NULL, finished_at = NULL,
    cancel_requested_at = NULL, exit_code = NULL, signal = NULL, reason = NULL, message = NULL,
    cause = NULL, cpu_us = NULL, rss_kb = NULL,
    expires_at = ?4 + min(coalesce(start_within_ms, finish_within_ms),
                          coalesce(finish_within_ms, start_within_ms)),
    deadline_at = ?4 + finish_within_ms
WHERE id = ?1
