DELETE FROM queue_scheduled WHERE task NOT IN (SELECT id FROM queue_tasks)
