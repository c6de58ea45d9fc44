-- Page of ids of queued tasks, newest first, if there are few of them: all are read from the index and
-- sorted. `+id` prevents a search priority by priority. Parameters
-- as in list_ids.sql.
SELECT id
FROM queue_tasks INDEXED BY queue_tasks_claim
WHERE state = 2
  AND +id >= ?4 AND +id < ?5
  AND (?2 IS NULL OR queue IN (SELECT id FROM queue_queues WHERE name = ?2))
  AND (?3 IS NULL OR instr(name, ?3) > 0)
ORDER BY id DESC
LIMIT ?6
