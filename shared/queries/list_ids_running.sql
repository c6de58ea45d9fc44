-- A page of ids of running tasks, newest first: few, and sorted here. Parameters as in list_ids.sql.
SELECT t.id
FROM queue_tasks AS t INDEXED BY queue_tasks_running
CROSS JOIN queue_queues AS q ON q.id = t.queue
WHERE t.state = 3
  AND t.id >= ?4 AND t.id < ?5
  AND (?2 IS NULL OR q.name = ?2)
  AND (?3 IS NULL OR instr(t.name, ?3) > 0)
ORDER BY t.id DESC
LIMIT ?6
