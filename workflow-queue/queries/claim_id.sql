-- A task that was just found in the claim index, in the same transaction.
UPDATE queue_tasks
SET state = 3, attempt = attempt + 1, crashes = crashes + 1, token = token + 1,
    worker = ?2, started_at = ?3, lease_until = ?4, gate = ?5
WHERE id = ?1 AND state = 2
RETURNING id, token, name, kind, payload, priority, attempt, options, deadline_at, limit_key
