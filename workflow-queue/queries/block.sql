-- Blocks a task that waits for dependencies, even if it could have been claimed.
UPDATE queue_tasks SET unmet = 1, state = 1 WHERE id = ?1
