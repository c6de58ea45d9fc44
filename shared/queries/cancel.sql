-- Reason 8 is cancel.
UPDATE queue_tasks SET state = 6, finished_at = ?2, reason = 8
WHERE id = ?1 AND state IN (0, 1, 2)
