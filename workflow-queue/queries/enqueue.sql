-- A task of either engine. Nothing is inserted where the key is taken, whoever took it.
INSERT INTO queue_tasks (queue, state, priority, kind, created_at, run_at, name, payload, options,
                         key)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
ON CONFLICT (key) WHERE key IS NOT NULL DO NOTHING
