-- The id of the next task: prune keeps the highest row.
SELECT coalesce(max(id), 0) + 1 FROM queue_tasks
