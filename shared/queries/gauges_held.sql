SELECT t.queue FROM queue_holds AS h CROSS JOIN queue_tasks AS t ON t.id = h.task
WHERE t.state = 1 LIMIT ?1
