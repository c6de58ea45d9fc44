-- A task that was never claimed shows no trace of a claim.
SELECT 'task ' || id || ' was claimed without a token' FROM queue_tasks
WHERE token = 0
  AND (state IN (3, 4) OR worker IS NOT NULL OR started_at IS NOT NULL OR attempt > 0
       OR crashes > 0)
