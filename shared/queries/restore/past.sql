-- The epoch and the highest id, which must not be given out again.
SELECT epoch, (SELECT coalesce(max(id), 0) FROM queue_tasks) FROM queue_file
