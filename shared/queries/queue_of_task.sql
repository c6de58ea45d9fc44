-- The queue id of a task, and the name of its queue.
SELECT q.id, q.name FROM queue_tasks AS t JOIN queue_queues AS q ON q.id = t.queue WHERE t.id = ?1
