-- Releases a task whose last dependency is met.
UPDATE queue_tasks SET unmet = 0, state = ?2 WHERE id = ?1
