-- Exactly the running tasks of a limited queue count towards its limit.
SELECT 'task ' || t.id || ' counts towards limit ' || coalesce(t.gate, 'none') || ', not '
       || iif(t.state = 3, coalesce(l.id, 'none'), 'none')
FROM queue_tasks AS t
LEFT JOIN queue_queues AS q ON q.id = t.queue
LEFT JOIN queue_limits AS l ON l.kind = 0 AND l.name = CAST(q.name AS BLOB)
WHERE (t.state = 3 OR t.gate IS NOT NULL) AND t.gate IS NOT iif(t.state = 3, l.id, NULL)
