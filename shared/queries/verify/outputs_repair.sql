DELETE FROM queue_outputs WHERE task NOT IN (SELECT id FROM queue_tasks)
