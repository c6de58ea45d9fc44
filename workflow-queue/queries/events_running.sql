-- The executions under way.
SELECT t.id, t.started_at, q.name, t.token, t.attempt, t.worker
FROM queue_tasks AS t INDEXED BY queue_tasks_running LEFT JOIN queue_queues AS q ON q.id = t.queue
WHERE t.state = 3
