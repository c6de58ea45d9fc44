SELECT name, state, attempt, crashes FROM queue_tasks
