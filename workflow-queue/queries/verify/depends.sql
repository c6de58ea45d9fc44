-- A task is marked if and only if it has dependencies.
SELECT 'task ' || t.id || ' says ' || iif(t.depends, '', 'not ') || 'to depend on others'
FROM queue_tasks AS t LEFT JOIN queue_upstream AS u ON u.dependent = t.id
WHERE t.depends <> (u.dependent IS NOT NULL)
