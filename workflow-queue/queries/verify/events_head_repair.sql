-- The state of tasks (a JSON array of ids), each after its last event, whichever that is.
INSERT INTO queue_events (at, kind, task, prev, queue, token, attempt, was, state)
SELECT ?2, 19, t.id, e.seq, t.queue, t.token, t.attempt, e.state, t.state
FROM json_each(?1) AS wrong
JOIN queue_tasks AS t ON t.id = wrong.value
LEFT JOIN (SELECT task, max(seq) AS seq FROM queue_events
           WHERE task IN (SELECT value FROM json_each(?1)) GROUP BY task) AS last ON last.task = t.id
LEFT JOIN queue_events AS e ON e.seq = last.seq
ORDER BY t.id
