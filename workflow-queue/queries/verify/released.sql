-- A dependency that has to succeed has succeeded: a success is final, so this holds after every retry
-- too.
SELECT 'task ' || d.dependent || ' did not wait for the success of task ' || d.task
FROM queue_dependencies AS d
CROSS JOIN queue_tasks AS t ON t.id = d.task
CROSS JOIN queue_tasks AS w ON w.id = d.dependent
WHERE d.condition = 0 AND t.state <> 4
  AND (w.state IN (0, 2, 3, 4) OR (w.state = 1 AND w.unmet = 0))
UNION ALL
SELECT 'task ' || d.dependent || ' waits in vain for the success of task ' || d.task
FROM queue_dependencies AS d
CROSS JOIN queue_tasks AS t ON t.id = d.task
CROSS JOIN queue_tasks AS w ON w.id = d.dependent
WHERE d.condition = 0 AND t.state BETWEEN 5 AND 7 AND w.state = 1 AND w.unmet = 1
