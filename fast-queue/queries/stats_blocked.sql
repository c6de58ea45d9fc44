-- Only in a file that is workflow-queue's a task can be blocked. Of fast-queue's own no row is read.
SELECT count(*) FROM queue_tasks NOT INDEXED
WHERE state = 1 AND (SELECT max(engine) FROM queue_file) > 0
