-- A task can be blocked only in a file of workflow-queue. For a file of fast-queue no row is read.
SELECT count(*) FROM queue_tasks NOT INDEXED
WHERE state = 1 AND (SELECT max(engine) FROM queue_file) > 0
