-- Ids count from 1, and names and keys keep their limits.
SELECT 'task ' || id || ' breaks a limit' FROM queue_tasks
WHERE id < 1 OR length(CAST(name AS BLOB)) > 200 OR length(key) NOT BETWEEN 1 AND 1024
