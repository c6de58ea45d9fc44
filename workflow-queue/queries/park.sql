UPDATE queue_tasks SET state = 1 WHERE id = ?1
