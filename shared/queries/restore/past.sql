-- What must not be given out again: the epoch, and the highest id.
SELECT epoch, (SELECT coalesce(max(id), 0) FROM queue_tasks) FROM queue_file
