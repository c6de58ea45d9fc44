SELECT queue FROM queue_tasks INDEXED BY queue_tasks_running WHERE state = 3 LIMIT ?1
