DELETE FROM queue_retried WHERE task NOT IN (SELECT id FROM queue_tasks)
