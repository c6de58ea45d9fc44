-- CROSS JOIN keeps the edges outermost: they are few.
SELECT d.dependent, w.pending
FROM raw_dependencies AS d
CROSS JOIN raw_waiting AS w ON w.dependent = d.dependent
WHERE d.task = ?1;
