SELECT run_at, limit_key FROM queue_tasks WHERE id = ?1
