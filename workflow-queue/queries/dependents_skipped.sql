SELECT d.dependent
FROM queue_dependencies AS d
CROSS JOIN queue_tasks AS t ON t.id = d.dependent
WHERE d.task = ?1 AND t.state = 7
