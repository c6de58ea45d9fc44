-- The enqueue of a task, as events_enqueued.sql selects it.
SELECT t.id, t.created_at, q.name, t.run_at, t.name, t.priority, t.workflow, t.spawner
FROM queue_tasks AS t LEFT JOIN queue_queues AS q ON q.id = t.queue
WHERE t.id = ?1
