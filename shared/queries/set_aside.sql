-- It stays queued, in a lane that nobody serves: no claim meets it again.
UPDATE queue_tasks SET queue = ?2 WHERE id = ?1
