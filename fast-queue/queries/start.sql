-- Only a time that lies ahead: a task that is due stays as it is. A held task stays blocked.
UPDATE queue_tasks SET run_at = NULL, state = iif(state = 0, 2, state)
WHERE id = ?1 AND state IN (0, 1, 2) AND run_at > ?2
