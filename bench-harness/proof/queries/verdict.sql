SELECT state, exit_code FROM queue_tasks WHERE id = 1
