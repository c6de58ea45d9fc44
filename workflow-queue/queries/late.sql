-- Waiting tasks past their deadline; a bounded number, so that a million of them hold nobody up.
SELECT id, deadline_at, limit_key FROM queue_tasks INDEXED BY queue_tasks_expiring
WHERE expires_at IS NOT NULL AND state < 3 AND expires_at <= ?1
ORDER BY expires_at LIMIT 1000
