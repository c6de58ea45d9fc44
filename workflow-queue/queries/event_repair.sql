-- The state of a task, after its last event, whichever that is.
INSERT INTO queue_events (at, kind, task, prev, queue, token, attempt, was, state)
SELECT ?2, 19, t.id, e.seq, t.queue, t.token, t.attempt, e.state, t.state
FROM queue_tasks AS t
LEFT JOIN queue_events AS e ON e.seq = (SELECT max(seq) FROM queue_events WHERE task = ?1)
WHERE t.id = ?1
