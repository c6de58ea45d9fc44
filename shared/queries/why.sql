-- Reasons for a task to wait, from its own row and its queue's.
SELECT t.state, t.priority, t.run_at, t.reason, t.queue, q.paused_at,
       (SELECT held_at FROM queue_holds WHERE task = t.id), q.ageing_ms
FROM queue_tasks AS t
JOIN queue_queues AS q ON q.id = t.queue
WHERE t.id = ?1
