SELECT 'there is output of attempt ' || attempt || ' of task ' || task || ', which is not there'
FROM queue_earlier_outputs
WHERE task NOT IN (SELECT id FROM queue_tasks)
