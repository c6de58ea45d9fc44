-- A task before the claim raises its counters.
SELECT id, token, name, kind, payload, priority, attempt, options, deadline_at, limit_key,
       depends
FROM queue_tasks WHERE id = ?1
