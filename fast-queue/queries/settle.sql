-- Decided end of a running task. run_at is a new one or stays.
UPDATE queue_tasks
SET state = ?2, run_at = coalesce(?3, run_at), attempt = ?4, crashes = ?5, exit_code = ?6,
    signal = ?7, reason = ?8, message = ?9, finished_at = ?10, cpu_us = ?11, rss_kb = ?12
WHERE id = ?1 AND state = 3
