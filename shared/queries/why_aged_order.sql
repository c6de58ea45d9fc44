-- Every claimable task of a handler queue with ageing, by priority and age, as in claim_heads.sql.
SELECT id, priority, max(created_at, coalesce(run_at, created_at))
FROM queue_tasks INDEXED BY queue_tasks_claim
WHERE state = 2 AND queue = ?1
ORDER BY priority DESC, id
