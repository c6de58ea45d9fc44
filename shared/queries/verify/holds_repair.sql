DELETE FROM queue_holds WHERE task NOT IN (SELECT id FROM queue_tasks WHERE state = 1)
