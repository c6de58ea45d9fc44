UPDATE queue_tasks
SET state = 4, crashes = crashes - 1, finished_at = ?4, exit_code = 0
WHERE id = ?1 AND state = 3 AND token = ?2 AND worker = ?3;
