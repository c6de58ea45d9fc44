SELECT workflow, spawner, limit_key, deadline_at FROM queue_tasks WHERE id = ?1
