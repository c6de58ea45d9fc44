-- The events that a count of an earlier time has to undo, the newest first; kind 50 tells of pruned
-- tasks.
SELECT at, kind, was, state, since, iif(kind = 50, data, NULL)
FROM queue_events ORDER BY seq DESC
