-- A page of ids, newest first, along the table itself: right where the wanted rows are common or
-- no state is asked for. ?1 a bit per wanted state, ?2 queue, ?3 part of the name, ?4 lowest id,
-- ?5 first id not wanted, ?6 page. CROSS JOIN keeps the table outermost, so that its order serves.
SELECT t.id
FROM queue_tasks AS t
CROSS JOIN queue_queues AS q ON q.id = t.queue
WHERE t.id >= ?4 AND t.id < ?5
  AND (1 << t.state) & ?1 <> 0
  AND (?2 IS NULL OR q.name = ?2)
  AND (?3 IS NULL OR instr(t.name, ?3) > 0)
ORDER BY t.id DESC
LIMIT ?6
