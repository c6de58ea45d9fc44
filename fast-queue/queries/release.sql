-- A released task waits for its time, if that still lies ahead.
UPDATE queue_tasks SET state = iif(run_at > ?2, 0, 2) WHERE id = ?1 AND state = 1
