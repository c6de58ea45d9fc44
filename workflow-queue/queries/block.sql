-- It waits for dependencies, also if it could have been claimed.
UPDATE queue_tasks SET pending = ?2, state = 1 WHERE id = ?1
