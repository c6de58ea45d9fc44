-- A blocked task waits for dependencies or for a limit, and no other task waits for dependencies; a
-- cancelled task keeps the mark.
SELECT 'task ' || id || ' in state ' || state || ' is to wait for '
       || iif(unmet, 'dependencies', 'nothing')
FROM queue_tasks
WHERE (state = 1 AND unmet = 0 AND limit_key IS NULL) OR (unmet = 1 AND state NOT IN (1, 6))
