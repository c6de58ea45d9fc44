-- All hooks, as their deliveries need them.
SELECT h.id, h.name, h.kinds, h.queues, h.url, h.argv, h.cwd, h.limit_ms, h.secret, h.seq, h.task,
       h.paused_at IS NOT NULL, h.failures, h.next_try_at,
       (SELECT min(d.id) FROM queue_dead_letters AS d WHERE d.hook = h.id AND d.wanted = 1),
       (SELECT epoch FROM queue_file)
FROM queue_hooks AS h ORDER BY h.id
