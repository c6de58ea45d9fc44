-- The first ?2 queued tasks of a handler queue, in the order of claims.
SELECT id
FROM queue_tasks INDEXED BY queue_tasks_claim
WHERE state = 2 AND queue = ?1
ORDER BY priority DESC, id
LIMIT ?2
