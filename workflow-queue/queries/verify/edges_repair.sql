DELETE FROM queue_dependencies
WHERE task NOT IN (SELECT id FROM queue_tasks) OR dependent NOT IN (SELECT id FROM queue_tasks)
