-- A task succeeds once, under its last claim. What fast-queue ended before a promotion has no row,
-- so where there was one, which is later than the file, only rows are judged; and so is what ended
-- in the very millisecond of both.
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
