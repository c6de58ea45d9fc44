SELECT state, worker FROM queue_tasks WHERE id = ?1
