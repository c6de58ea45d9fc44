-- Page of ids of held tasks, newest first: they are few. Parameters as in list_ids.sql.
SELECT t.id
FROM queue_holds AS h
CROSS JOIN queue_tasks AS t ON t.id = h.task
WHERE h.task >= ?4 AND h.task < ?5
  AND (1 << t.state) & ?1 <> 0
  AND (?2 IS NULL OR t.queue IN (SELECT id FROM queue_queues WHERE name = ?2))
  AND (?3 IS NULL OR instr(t.name, ?3) > 0)
ORDER BY h.task DESC
LIMIT ?6
