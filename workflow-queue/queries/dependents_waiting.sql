-- Those that still wait for a task, with what deciding about them needs. CROSS JOIN keeps the edges
-- outermost: they are few, the tasks are many.
SELECT d.dependent, d.condition, t.pending, t.run_at, t.limit_key
FROM queue_dependencies AS d
CROSS JOIN queue_tasks AS t ON t.id = d.dependent
WHERE d.task = ?1 AND t.state = 1 AND t.pending > 0
