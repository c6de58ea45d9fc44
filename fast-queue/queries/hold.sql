-- A held task keeps its time.
UPDATE queue_tasks SET state = 1 WHERE id = ?1 AND state IN (0, 2)
