-- As settle_success.sql, as a transaction of its own, unless the file was promoted, which gave it the
-- workflow line.
UPDATE queue_tasks
SET state = 4, crashes = max(crashes - 1, 0), finished_at = ?4, exit_code = 0,
    signal = NULL, reason = NULL, message = NULL, cpu_us = ?5, rss_kb = ?6
WHERE id = ?1 AND state = 3 AND token = ?2 AND worker = ?3
  AND NOT EXISTS (SELECT 1 FROM queue_schema WHERE +line = 'workflow')
