DELETE FROM queue_earlier_outputs WHERE task NOT IN (SELECT id FROM queue_tasks)
