-- A task that either engine could enqueue. Inserts nothing if the key is taken. The default of the last
-- event would say that the task is older than the log.
INSERT INTO queue_tasks (queue, state, priority, kind, created_at, run_at, name, payload, options,
                         key, event)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, NULL)
ON CONFLICT (key) WHERE key IS NOT NULL DO NOTHING
