-- The next ?2 tasks of one lane among several, from the index alone: most of them lose.
SELECT id, priority FROM queue_tasks INDEXED BY queue_tasks_claim
WHERE state = 2 AND queue = ?1
ORDER BY priority DESC, id LIMIT ?2
