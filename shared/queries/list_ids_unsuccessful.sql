-- Page of ids of unsuccessful tasks, newest first. Succeeded tasks may outnumber these a million to
-- one, so each state (?1) is read from the index. Parameters otherwise as in list_ids.sql.
SELECT id
FROM queue_tasks INDEXED BY queue_tasks_unsuccessful
WHERE state >= 5 AND state = ?1
  AND id >= ?4 AND id < ?5
  AND (?2 IS NULL OR queue IN (SELECT id FROM queue_queues WHERE name = ?2))
  AND (?3 IS NULL OR instr(name, ?3) > 0)
ORDER BY id DESC
LIMIT ?6
