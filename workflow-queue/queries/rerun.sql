-- A copy of an ended task, as if enqueued anew at ?3. Its command and options are copied as they are
-- stored, also those that only a newer version can read. It belongs to the workflow of the tasks it
-- depends on. See retry.sql about min().
INSERT INTO queue_tasks (queue, state, priority, kind, created_at, name, payload, options, unmet,
                         depends, workflow, limit_key, start_within_ms, finish_within_ms,
                         expires_at, deadline_at, event)
SELECT queue, ?2, priority, kind, ?3, name, payload, options, ?4, ?5, iif(?5, workflow, NULL),
       limit_key, start_within_ms, finish_within_ms,
       ?3 + min(coalesce(start_within_ms, finish_within_ms),
                coalesce(finish_within_ms, start_within_ms)),
       ?3 + finish_within_ms, NULL
FROM queue_tasks WHERE id = ?1
