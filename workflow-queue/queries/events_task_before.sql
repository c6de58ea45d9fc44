-- The last task that was enqueued before a time.
SELECT id FROM queue_tasks WHERE created_at < ?1 ORDER BY id DESC LIMIT 1
