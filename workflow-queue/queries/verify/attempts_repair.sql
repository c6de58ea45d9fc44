DELETE FROM queue_attempts WHERE task NOT IN (SELECT id FROM queue_tasks)
