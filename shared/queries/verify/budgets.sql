-- Every claim raises the token by one, and of both budgets one stays raised at most; while the task
-- runs, both are. Nothing makes a task's attempts fewer than they were at its last retry.
SELECT 'task ' || id || ' has had ' || attempt || ' attempts and ' || crashes || ' crashes in '
       || token || ' claims'
FROM queue_tasks
WHERE attempt + crashes > token + (state = 3)
UNION ALL
SELECT 'task ' || r.task || ' has had ' || t.attempt || ' attempts, and ' || r.attempts
       || ' when it was retried'
FROM queue_retried AS r JOIN queue_tasks AS t ON t.id = r.task
WHERE t.attempt < r.attempts
