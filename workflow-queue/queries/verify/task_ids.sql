SELECT id FROM queue_tasks
