SELECT state, limit_key, worker, cancel_requested_at FROM queue_tasks WHERE id = ?1
