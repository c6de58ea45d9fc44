DELETE FROM queue_upstream WHERE dependent NOT IN (SELECT id FROM queue_tasks)
