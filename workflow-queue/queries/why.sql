-- The columns of this engine that explain why a task waits.
SELECT t.state, t.unmet, t.limit_key, q.name, q.limited, t.queue,
       (SELECT pending FROM queue_waiting WHERE dependent = t.id),
       t.priority
FROM queue_tasks AS t JOIN queue_queues AS q ON q.id = t.queue
WHERE t.id = ?1
