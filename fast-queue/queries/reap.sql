-- Removes the worker from the row, so that a late settle of the dead worker is refused.
UPDATE queue_tasks
SET state = ?2, attempt = ?3, crashes = ?4, reason = ?5, finished_at = ?6, worker = NULL,
    exit_code = NULL, signal = NULL, message = NULL, cpu_us = NULL, rss_kb = NULL
WHERE id = ?1 AND state = 3
