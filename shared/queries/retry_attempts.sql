-- From the next claim on attempts are numbered from here. One whose worker died has had its number
-- and was not counted.
INSERT INTO queue_retried (task, attempts)
SELECT id, attempt FROM queue_tasks WHERE id = ?1 AND attempt > 0
ON CONFLICT (task) DO UPDATE SET attempts = excluded.attempts
