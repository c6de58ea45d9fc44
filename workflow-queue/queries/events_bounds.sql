-- The epoch of the file, the first and the last event of the log, and the last task.
SELECT (SELECT epoch FROM queue_file), coalesce((SELECT min(seq) FROM queue_events), 1),
       coalesce((SELECT max(seq) FROM queue_events), 0), coalesce((SELECT max(id) FROM queue_tasks), 0)
