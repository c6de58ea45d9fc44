SELECT queue FROM queue_tasks INDEXED BY queue_tasks_unsuccessful WHERE state >= 5 AND state = 5 LIMIT ?1
