SELECT 1 FROM queue_tasks WHERE id = ?1 AND state = 1 AND unmet = 1
