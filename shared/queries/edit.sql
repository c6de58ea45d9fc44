-- Waiting tasks only: scheduled, blocked, queued. A task that a worker claimed first stays as it is.
UPDATE queue_tasks
SET name = ?2, kind = ?3, payload = ?4, priority = ?5, options = ?6
WHERE id = ?1 AND state IN (0, 1, 2)
