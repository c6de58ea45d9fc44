-- The next tasks of one handler queue among several, from the index alone: most of them lose. No
-- LIMIT, as in claim_next.sql.
SELECT id, priority FROM queue_tasks INDEXED BY queue_tasks_claim
WHERE state = 2 AND queue = ?1
ORDER BY priority DESC, id
