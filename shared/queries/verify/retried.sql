SELECT 'there was a retry of task ' || task || ', which is not there' FROM queue_retried
WHERE task NOT IN (SELECT id FROM queue_tasks)
