-- Page of ids of running tasks, newest first: they are few, and sorted here. Parameters as in list_ids.sql.
SELECT id
FROM queue_tasks INDEXED BY queue_tasks_running
WHERE state = 3
  AND id >= ?4 AND id < ?5
  AND (?2 IS NULL OR queue IN (SELECT id FROM queue_queues WHERE name = ?2))
  AND (?3 IS NULL OR instr(name, ?3) > 0)
ORDER BY id DESC
LIMIT ?6
