-- Common end of a task, if the claim still holds. Takes back the crash that the claim counted ahead.
UPDATE queue_tasks
SET state = 4, crashes = max(crashes - 1, 0), finished_at = ?4, exit_code = 0,
    signal = NULL, reason = NULL, message = NULL, cpu_us = ?5, rss_kb = ?6
WHERE id = ?1 AND state = 3 AND token = ?2 AND worker = ?3
