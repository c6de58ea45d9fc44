-- All hooks, each with the events behind its position, enqueues among them, and its dead letters. Never
-- with its secret.
SELECT h.id, h.name, h.kinds, h.queues, h.url, h.argv, h.cwd, h.limit_ms, h.secret IS NOT NULL, h.added_at,
       h.seq, h.task, h.paused_at, h.failures, h.next_try_at, h.last_at, h.last_error, h.delivered,
       h.failed, h.buried,
       max(0, coalesce((SELECT max(seq) FROM queue_events), 0) - h.seq)
       + max(0, coalesce((SELECT max(id) FROM queue_tasks), 0) - h.task),
       (SELECT min(at) FROM (
           SELECT * FROM (SELECT at FROM queue_events AS e WHERE e.seq > h.seq ORDER BY e.seq LIMIT 1)
           UNION ALL
           SELECT * FROM (SELECT created_at FROM queue_tasks AS t WHERE t.id > h.task ORDER BY t.id LIMIT 1))),
       (SELECT count(*) FROM queue_dead_letters AS d WHERE d.hook = h.id),
       (SELECT epoch FROM queue_file)
FROM queue_hooks AS h ORDER BY h.name
