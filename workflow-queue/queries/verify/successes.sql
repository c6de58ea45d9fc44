-- A task succeeds once, under its last claim. A task that fast-queue ended before a promotion has no
-- row. So after a promotion, whose time is later than the creation of the file, only rows are checked;
-- the same holds for tasks that ended in the very millisecond of both.
SELECT 'task ' || a.task || ' has ' || count(*) || ' successes and is in state '
       || coalesce(t.state, 'none')
FROM queue_attempts AS a LEFT JOIN queue_tasks AS t ON t.id = a.task
WHERE a.state = 4
GROUP BY a.task HAVING count(*) > 1 OR t.state IS NOT 4 OR max(a.token) IS NOT t.token
UNION ALL
SELECT 'task ' || t.id || ' succeeded and no attempt did'
FROM queue_tasks AS t
LEFT JOIN queue_attempts AS a ON a.task = t.id AND a.token = t.token AND a.state = 4
WHERE t.state = 4 AND a.task IS NULL
  AND (SELECT count(DISTINCT migrated_at) FROM queue_schema WHERE line IN ('core', 'workflow')) = 1
  AND t.finished_at > (SELECT migrated_at FROM queue_schema WHERE line = 'workflow')
