SELECT id FROM queue_tasks WHERE key = ?1
