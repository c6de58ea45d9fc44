-- The tasks by id, the newest first, with the times of their enqueue.
SELECT id, created_at FROM queue_tasks ORDER BY id DESC
