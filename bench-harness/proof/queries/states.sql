SELECT id, name, state FROM queue_tasks ORDER BY id
