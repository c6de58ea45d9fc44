-- Every claimable task of a handler queue, in claim order.
SELECT id FROM queue_tasks INDEXED BY queue_tasks_claim
WHERE state = 2 AND queue = ?1
ORDER BY priority DESC, id
