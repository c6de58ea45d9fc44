INSERT INTO queue_hooks (id, name, kinds, queues, url, argv, cwd, limit_ms, secret, added_at, seq, task)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10,
       coalesce((SELECT max(seq) FROM queue_events), 0), coalesce((SELECT max(id) FROM queue_tasks), 0)
