SELECT min(expires_at) FROM queue_tasks INDEXED BY queue_tasks_expiring
WHERE expires_at IS NOT NULL AND state < 3
