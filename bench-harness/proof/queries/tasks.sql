SELECT id, name, state > 3 FROM queue_tasks
