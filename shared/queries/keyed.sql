-- The task that holds a key.
SELECT id FROM queue_tasks INDEXED BY queue_tasks_key WHERE key = ?1
