-- Until a file belongs to workflow-queue, its blocked tasks are the held ones.
SELECT 'task ' || id || ' is blocked and not held' FROM queue_tasks
WHERE state = 1 AND (SELECT engine FROM queue_file) < 2
  AND id NOT IN (SELECT task FROM queue_holds)
