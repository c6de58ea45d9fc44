-- A task that was just read in the same transaction. RETURNING would cost more than that read: it
-- keeps its rows in a table of its own until the update is over.
UPDATE queue_tasks
SET state = 3, attempt = attempt + 1, crashes = crashes + 1, token = token + 1,
    worker = ?2, started_at = ?3, lease_until = ?4, gate = ?5
WHERE id = ?1
