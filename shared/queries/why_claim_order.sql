-- Every task of a lane that can be claimed, in the order in which they will be.
SELECT id FROM queue_tasks INDEXED BY queue_tasks_claim
WHERE state = 2 AND queue = ?1
ORDER BY priority DESC, id
