-- Every handler queue, with the number of its queued tasks.
SELECT q.name, q.handler, q.paused_at,
       (SELECT count(*) FROM queue_tasks AS t INDEXED BY queue_tasks_claim
        WHERE t.queue = q.id AND t.state = 2),
       q.ageing_ms
FROM queue_queues AS q
ORDER BY q.name, q.handler
