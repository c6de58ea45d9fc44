-- Reason 9 is "dependency".
UPDATE queue_tasks SET state = 7, unmet = 0, reason = 9, finished_at = ?2, cause = ?3
WHERE id = ?1
