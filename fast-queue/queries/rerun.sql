-- A copy of an ended task, as if enqueued anew. Its command and options are copied as they are stored,
-- also those that only a newer version can read.
INSERT INTO queue_tasks (queue, state, priority, kind, created_at, name, payload, options)
SELECT queue, ?2, priority, kind, ?3, name, payload, options
FROM queue_tasks WHERE id = ?1 AND state BETWEEN 4 AND 7
