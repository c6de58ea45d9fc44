-- The next events of the log.
SELECT e.seq, e.at, e.kind, e.task, q.name, e.token, e.attempt, e.worker, e.was, e.state, e.ready_at,
       e.since, e.exit_code, e.signal, e.reason, e.cpu_us, e.rss_kb, e.message, e.tail, e.data
FROM queue_events AS e LEFT JOIN queue_queues AS q ON q.id = e.queue
WHERE e.seq > ?1 ORDER BY e.seq LIMIT ?2
