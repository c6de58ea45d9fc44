-- The next enqueued tasks.
SELECT id, created_at, queue FROM queue_tasks WHERE id > ?1 ORDER BY id LIMIT ?2
