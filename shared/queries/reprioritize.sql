-- Waiting tasks only: scheduled, blocked, queued.
UPDATE queue_tasks SET priority = ?2 WHERE id = ?1 AND state IN (0, 1, 2)
