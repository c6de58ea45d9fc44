-- The retained events of a task, the newest first. In a damaged file an earlier event may be no
-- earlier; there the chain ends.
WITH RECURSIVE chain (seq, prev) AS (
    SELECT e.seq, e.prev FROM queue_tasks AS t JOIN queue_events AS e ON e.seq = t.event
    WHERE t.id = ?1 AND e.task = t.id
    UNION ALL
    SELECT e.seq, e.prev FROM chain JOIN queue_events AS e ON e.seq = chain.prev
    WHERE e.seq < chain.seq AND e.task = ?1
)
SELECT e.seq, e.at, e.kind, e.task, q.name, e.token, e.attempt, e.worker, e.was, e.state, e.ready_at,
       e.since, e.exit_code, e.signal, e.reason, e.cpu_us, e.rss_kb, e.message, e.tail, e.data
FROM chain JOIN queue_events AS e ON e.seq = chain.seq LEFT JOIN queue_queues AS q ON q.id = e.queue
