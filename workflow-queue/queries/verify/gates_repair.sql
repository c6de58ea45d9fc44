UPDATE queue_tasks SET gate = should.gate
FROM (SELECT t.id, iif(t.state = 3, l.id, NULL) AS gate
      FROM queue_tasks AS t
      LEFT JOIN queue_queues AS q ON q.id = t.queue
      LEFT JOIN queue_limits AS l ON l.kind = 0 AND l.name = CAST(q.name AS BLOB)
      WHERE t.state = 3 OR t.gate IS NOT NULL) AS should
WHERE queue_tasks.id = should.id AND queue_tasks.gate IS NOT should.gate
