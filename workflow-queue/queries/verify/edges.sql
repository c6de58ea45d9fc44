-- Both ends of an edge exist: prune deletes the edges of a task with it.
SELECT 'the edge from task ' || d.task || ' to task ' || d.dependent || ' has no end or no meaning'
FROM queue_dependencies AS d
LEFT JOIN queue_tasks AS t ON t.id = d.task
LEFT JOIN queue_tasks AS w ON w.id = d.dependent
WHERE t.id IS NULL OR w.id IS NULL OR d.condition > 2
