SELECT attempt FROM queue_tasks WHERE id = ?1
