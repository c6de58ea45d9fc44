-- A task with the columns that only this engine has. Inserts nothing if the key is taken.
INSERT INTO queue_tasks (queue, state, priority, kind, created_at, run_at, name, payload, options,
                         key, unmet, expires_at, deadline_at, workflow, spawner, cause, reason,
                         finished_at, key_scope, key_until, limit_key, depends,
                         start_within_ms, finish_within_ms, event)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20,
        ?21, ?22, ?23, ?24, NULL)
ON CONFLICT (key) WHERE key IS NOT NULL DO NOTHING
