-- The lane of a task, and the queue that is part of.
SELECT q.id, q.name FROM queue_tasks AS t JOIN queue_queues AS q ON q.id = t.queue WHERE t.id = ?1
