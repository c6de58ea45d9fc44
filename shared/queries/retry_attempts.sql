-- Attempts are numbered from here, beginning with the next claim. An attempt whose worker died had a
-- number, but was not counted.
INSERT INTO queue_retried (task, attempts)
SELECT id, attempt FROM queue_tasks WHERE id = ?1 AND attempt > 0
ON CONFLICT (task) DO UPDATE SET attempts = excluded.attempts
