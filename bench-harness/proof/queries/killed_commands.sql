SELECT count(*) FROM queue_tasks WHERE signal = 9
