-- The task that takes an id was cancelled (kind 3) as it was made, so that the log tells of it.
INSERT INTO queue_events (at, kind, task, queue, token, attempt, was, state, reason)
SELECT finished_at, 3, id, queue, token, attempt, 2, state, reason FROM queue_tasks WHERE id = ?1
