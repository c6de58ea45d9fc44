-- Its last dependency holds.
UPDATE queue_tasks SET unmet = 0, state = ?2 WHERE id = ?1
