SELECT min(run_at) FROM queue_tasks INDEXED BY queue_tasks_due WHERE state = 0
