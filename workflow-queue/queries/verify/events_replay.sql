-- All events together yield the number of tasks that ended in each state, if the log began before the
-- first task (kind 60 without data) and nothing of it was lost: kinds 19 and 61 tell of that, kind 50 of
-- pruned tasks.
WITH moved (state, tasks) AS (
    SELECT state, 1 FROM queue_events WHERE state >= 4 AND was IS NOT state
    UNION ALL
    SELECT was, -1 FROM queue_events WHERE was >= 4 AND was IS NOT state
    UNION ALL
    SELECT CASE pruned.key WHEN 'succeeded' THEN 4 WHEN 'failed' THEN 5 WHEN 'cancelled' THEN 6
                           ELSE 7 END, -pruned.value
    FROM queue_events AS e, json_each(e.data, '$.states') AS pruned WHERE e.kind = 50
    UNION ALL
    SELECT state, 0 FROM queue_tasks WHERE state >= 4 AND event IS NOT 0
), counted (state, tasks) AS (
    SELECT state, count(*) FROM queue_tasks WHERE state >= 4 AND event IS NOT 0 GROUP BY state
)
SELECT 'the log tells of ' || sum(moved.tasks) || ' tasks in state ' || moved.state || ', and there are '
       || coalesce(counted.tasks, 0)
FROM moved LEFT JOIN counted ON counted.state = moved.state
WHERE EXISTS (SELECT 1 FROM queue_events WHERE seq = 1 AND kind = 60 AND data IS NULL)
  AND NOT EXISTS (SELECT 1 FROM queue_events WHERE kind IN (19, 61))
GROUP BY moved.state HAVING sum(moved.tasks) <> coalesce(counted.tasks, 0)
