SELECT count(*) FROM queue_tasks WHERE state < 4
