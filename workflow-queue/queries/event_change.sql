-- A change of a stored task, which still is as it was before.
INSERT INTO queue_events (at, kind, task, prev, queue, token, attempt, was, state, reason, message, data)
SELECT ?2, ?3, id, event, queue, token, attempt, coalesce(?4, state), coalesce(?5, state), ?6,
       ?7, ?8
FROM queue_tasks WHERE id = ?1
