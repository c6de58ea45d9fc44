-- The newest tasks first: those that were enqueued after a time are not counted at it. The event is 0 of
-- a task that the log does not tell of.
SELECT created_at, state, coalesce(event = 0, 0) FROM queue_tasks ORDER BY id DESC
