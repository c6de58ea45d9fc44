-- Keeps the time of the first request.
UPDATE queue_tasks SET cancel_requested_at = ?2
WHERE id = ?1 AND state = 3 AND cancel_requested_at IS NULL
