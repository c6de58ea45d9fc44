-- Prune keeps the highest row, so this is the highest id ever given out.
SELECT max(id) FROM queue_tasks
