-- The next ?2 tasks of one lane, from the index alone.
SELECT id, priority FROM queue_tasks INDEXED BY queue_tasks_claim
WHERE state = 2 AND queue = ?1
ORDER BY priority DESC, id LIMIT ?2
