-- Only tasks of workflow-queue wait for other tasks.
SELECT 'task ' || id || ' is in state ' || state FROM queue_tasks
WHERE state > 7 OR (state IN (1, 7) AND (SELECT engine FROM queue_file) < 2)
