UPDATE queue_tasks SET key = NULL WHERE id = ?1
