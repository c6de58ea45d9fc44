SELECT state, pending FROM queue_tasks WHERE id = ?1
