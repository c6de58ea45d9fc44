-- A task as a claim finds it, before the counters are raised.
SELECT id, token, name, kind, payload, priority, attempt, options, deadline_at, limit_key,
       depends
FROM queue_tasks WHERE id = ?1
