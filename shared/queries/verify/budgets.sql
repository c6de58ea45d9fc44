-- Every claim raises the token by one, and of both budgets one stays raised at most; while the task
-- runs, both are.
SELECT 'task ' || id || ' has had ' || attempt || ' attempts and ' || crashes || ' crashes in '
       || token || ' claims'
FROM queue_tasks
WHERE attempt + crashes > token + (state = 3)
