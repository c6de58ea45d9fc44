-- A claim that met a full limit is undone: the task waits for a slot. The token stays raised.
UPDATE queue_tasks
SET state = 1, attempt = attempt - 1, crashes = crashes - 1, worker = NULL, lease_until = NULL,
    gate = NULL
WHERE id = ?1
