SELECT created_at FROM queue_tasks WHERE name = ?1
