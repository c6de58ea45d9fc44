-- A task that was just found in the claim index, as it will be once it is claimed.
SELECT id, token + 1, name, kind, payload, priority, attempt + 1, options, deadline_at, limit_key
FROM queue_tasks WHERE id = ?1
