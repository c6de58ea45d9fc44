-- A task succeeds once, under its last claim. A task that fast-queue ended before a promotion has no
-- row. So of tasks older than the log, only rows are checked after a promotion, whose time is later than
-- the creation of the file; the same holds for tasks that ended in the very millisecond of both. Newer
-- tasks have their last event.
WITH successes (task, token, logged) AS (
    SELECT task, token, 0 FROM queue_attempts WHERE state = 4
    UNION ALL
    SELECT task, token, 1 FROM queue_events WHERE kind = 1
)
SELECT 'task ' || a.task || ' has ' || count(*) || ' successes and is in state '
       || coalesce(t.state, 'none')
FROM successes AS a LEFT JOIN queue_tasks AS t ON t.id = a.task
GROUP BY a.task
HAVING count(*) > 1
    OR ((t.id IS NOT NULL OR NOT max(a.logged))
        AND (t.state IS NOT 4 OR max(a.token) IS NOT t.token))
UNION ALL
SELECT 'task ' || t.id || ' succeeded and no attempt did'
FROM queue_tasks AS t
LEFT JOIN queue_attempts AS a ON a.task = t.id AND a.token = t.token AND a.state = 4
WHERE t.state = 4 AND t.event = 0 AND a.task IS NULL
  AND (SELECT count(DISTINCT migrated_at) FROM queue_schema WHERE line IN ('core', 'workflow')) = 1
  AND t.finished_at > (SELECT migrated_at FROM queue_schema WHERE line = 'workflow')
