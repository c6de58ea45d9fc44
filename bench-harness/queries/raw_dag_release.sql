UPDATE queue_tasks SET state = 2 WHERE id = ?1;
