-- A running task has a claim: a worker and a token, both budgets raised, and no end.
SELECT 'task ' || id || ' runs without a whole claim' FROM queue_tasks
WHERE state = 3
  AND (worker IS NULL OR token = 0 OR started_at IS NULL OR attempt = 0 OR crashes = 0
       OR finished_at IS NOT NULL)
