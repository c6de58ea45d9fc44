-- It waits for dependencies, also if it could have been claimed.
UPDATE queue_tasks SET unmet = 1, state = 1 WHERE id = ?1
