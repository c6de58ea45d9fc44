-- What waits for others is workflow-queue's alone.
SELECT 'task ' || id || ' is in state ' || state FROM queue_tasks
WHERE state > 7 OR (state IN (1, 7) AND (SELECT engine FROM queue_file) < 2)
