-- Checks the task again in the deleting transaction. Meanwhile it may have been retried, or have become
-- the highest id, which stays so that no id is given out twice.
DELETE FROM queue_tasks
WHERE id = ?1 AND (1 << state) & ?2 <> 0 AND finished_at < ?3
  AND id < (SELECT max(id) FROM queue_tasks)
RETURNING state, created_at, queue
