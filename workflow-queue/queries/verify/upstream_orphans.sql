SELECT 'there are dependencies of task ' || dependent || ', which is not there' FROM queue_upstream
WHERE dependent NOT IN (SELECT id FROM queue_tasks)
