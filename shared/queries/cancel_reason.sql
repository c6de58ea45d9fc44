-- Reason for the cancellation; a retry removes it.
UPDATE queue_tasks SET message = ?2
WHERE id = ?1 AND state = 6
