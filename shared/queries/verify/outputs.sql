SELECT 'there is output of task ' || task || ', which is not there' FROM queue_outputs
WHERE task NOT IN (SELECT id FROM queue_tasks)
