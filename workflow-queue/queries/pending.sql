UPDATE queue_tasks SET pending = ?2 WHERE id = ?1
