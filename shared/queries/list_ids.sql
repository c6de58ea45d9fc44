-- Page of ids, newest first, along the table itself: for wanted states that are common, or for all
-- states. ?1 a bit per wanted state, ?2 queue, ?3 part of the name, ?4 lowest id,
-- ?5 first id not wanted, ?6 page.
SELECT id
FROM queue_tasks
WHERE id >= ?4 AND id < ?5
  AND (1 << state) & ?1 <> 0
  AND (?2 IS NULL OR queue IN (SELECT id FROM queue_queues WHERE name = ?2))
  AND (?3 IS NULL OR instr(name, ?3) > 0)
ORDER BY id DESC
LIMIT ?6
