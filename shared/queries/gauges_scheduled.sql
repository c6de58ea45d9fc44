SELECT queue FROM queue_tasks INDEXED BY queue_tasks_due WHERE state = 0 LIMIT ?1
