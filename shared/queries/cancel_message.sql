-- Why it was cancelled; a retry forgets it.
UPDATE queue_tasks SET message = ?2
WHERE id = ?1 AND state = 6
