-- Exactly the skipped tasks have a cause; an added task is in the workflow of the task that added
-- it.
SELECT 'task ' || id || ' in state ' || state
       || iif((state = 7) <> (cause IS NOT NULL), ' has a cause or none', ' is in no workflow')
FROM queue_tasks
WHERE (state = 7) <> (cause IS NOT NULL) OR (spawner IS NOT NULL AND workflow IS NULL)
