-- The dependents that still wait for a task. CROSS JOIN keeps the edges outermost: they are few.
SELECT d.dependent, d.condition, w.pending
FROM queue_dependencies AS d
CROSS JOIN queue_waiting AS w ON w.dependent = d.dependent
WHERE d.task = ?1
