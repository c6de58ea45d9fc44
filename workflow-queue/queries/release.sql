-- Its last dependency holds.
UPDATE queue_tasks SET pending = 0, state = ?2 WHERE id = ?1
