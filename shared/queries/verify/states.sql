-- Only tasks of workflow-queue are skipped.
SELECT 'task ' || id || ' is in state ' || state FROM queue_tasks
WHERE state > 7 OR (state = 7 AND (SELECT engine FROM queue_file) < 2)
