-- Exactly the tasks that wait for dependencies have a row with their number, in which a hold counts
-- as one.
WITH conditions AS (
    SELECT d.dependent
    FROM queue_dependencies AS d JOIN queue_tasks AS t ON t.id = d.task
    WHERE t.state < 4
    UNION ALL
    SELECT task FROM queue_holds
), open AS (
    SELECT dependent, count(*) AS tasks FROM conditions GROUP BY dependent
)
SELECT 'task ' || w.dependent || ' waits for ' || coalesce(open.tasks, 0) || ' tasks, not for '
       || w.pending, w.dependent
FROM queue_waiting AS w LEFT JOIN open ON open.dependent = w.dependent
WHERE w.pending <> coalesce(open.tasks, 0)
UNION ALL
SELECT 'task ' || t.id || ' waits for an unknown number of tasks', t.id
FROM queue_tasks AS t
WHERE t.state = 1 AND t.unmet = 1
  AND t.id NOT IN (SELECT dependent FROM queue_waiting)
UNION ALL
SELECT 'task ' || w.dependent || ' does not wait, and has a number of tasks to wait for',
       w.dependent
FROM queue_waiting AS w LEFT JOIN queue_tasks AS t ON t.id = w.dependent
WHERE (t.state = 1 AND t.unmet = 1) IS NOT TRUE
