-- Exactly what was skipped has a cause, and what was added by a task is in that task's workflow.
SELECT 'task ' || id || ' in state ' || state
       || iif((state = 7) <> (cause IS NOT NULL), ' has a cause or none', ' is in no workflow')
FROM queue_tasks
WHERE (state = 7) <> (cause IS NOT NULL) OR (spawner IS NOT NULL AND workflow IS NULL)
