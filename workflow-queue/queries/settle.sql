-- The decided end of a running task, whose event was just written; run_at is a new time or stays. If the
-- worker lost the claim, no claim matches the row any more, so that a late settle is refused.
UPDATE queue_tasks
SET state = ?2, run_at = coalesce(?3, run_at), attempt = ?4, crashes = ?5, exit_code = ?6,
    signal = ?7, reason = ?8, message = ?9, finished_at = ?10, worker = iif(?11, NULL, worker),
    lease_until = NULL, gate = NULL, expires_at = deadline_at, event = last_insert_rowid(),
    cpu_us = ?12, rss_kb = ?13
WHERE id = ?1
