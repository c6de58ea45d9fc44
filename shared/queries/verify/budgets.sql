-- Every claim raises the token by one, and at most one of the two budgets stays raised; while the task
-- runs, both are. Attempts never fall below their number at the last retry.
SELECT 'task ' || id || ' has had ' || attempt || ' attempts and ' || crashes || ' crashes in '
       || token || ' claims'
FROM queue_tasks
WHERE attempt + crashes > token + (state = 3)
UNION ALL
SELECT 'task ' || r.task || ' has had ' || t.attempt || ' attempts, and ' || r.attempts
       || ' when it was retried'
FROM queue_retried AS r JOIN queue_tasks AS t ON t.id = r.task
WHERE t.attempt < r.attempts
