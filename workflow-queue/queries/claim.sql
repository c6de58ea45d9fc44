-- Takes a task that was read in the same transaction. RETURNING would cost more than that read: it
-- builds a table for its answer at every execution.
UPDATE queue_tasks
SET state = 3, attempt = attempt + 1, crashes = crashes + 1, token = token + 1,
    worker = ?2, started_at = ?3, lease_until = ?4, gate = ?5
WHERE id = ?1 AND state = 2
