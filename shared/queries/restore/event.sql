-- The new epoch, as an event of kind 52. If the end of the log was lost, its numbers are not given out
-- again: tasks and readers know them.
INSERT INTO queue_events (seq, at, kind, data)
SELECT max(coalesce((SELECT max(seq) FROM queue_events), 0),
           coalesce((SELECT max(event) FROM queue_tasks), 0)) + 1, ?1, 52, json_object('epoch', ?2)
