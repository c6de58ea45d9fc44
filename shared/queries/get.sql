-- Task with the names of its queue and handler.
SELECT t.id, t.name, t.kind, t.payload, q.name, q.handler, t.state, t.priority, t.attempt,
       coalesce((SELECT attempts FROM queue_retried WHERE task = t.id), 0), t.crashes, t.token,
       t.worker, t.created_at, t.run_at, t.started_at, t.finished_at,
       t.cancel_requested_at, t.exit_code, t.signal, t.reason, t.message, t.key, t.options,
       (SELECT held_at FROM queue_holds WHERE task = t.id), t.cpu_us, t.rss_kb
FROM queue_tasks AS t
JOIN queue_queues AS q ON q.id = t.queue
WHERE t.id = ?1
