-- Fresh budgets, due at once; what time it was given counts from now (?4). The token stays: it must
-- never repeat. So does the number of the last attempt; one whose worker died has had its number
-- without being counted. Of a missing time the other takes the place, so that the smaller is that of
-- both.
UPDATE queue_tasks
SET state = ?2, unmet = ?3, attempt = attempt + (worker IS NULL AND started_at IS NOT NULL),
    crashes = 0, run_at = NULL, started_at = NULL, finished_at = NULL,
    cancel_requested_at = NULL, exit_code = NULL, signal = NULL, reason = NULL, message = NULL,
    cause = NULL,
    expires_at = ?4 + min(coalesce(start_within_ms, finish_within_ms),
                          coalesce(finish_within_ms, start_within_ms)),
    deadline_at = ?4 + finish_within_ms
WHERE id = ?1
