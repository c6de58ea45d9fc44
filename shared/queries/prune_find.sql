-- The next ?5 tasks by id, each with 1 if it ended before ?2 in one of the states ?1.
SELECT id, (1 << state) & ?1 <> 0 AND finished_at < ?2
FROM queue_tasks
WHERE id >= ?3 AND id < ?4
ORDER BY id LIMIT ?5
