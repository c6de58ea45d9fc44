-- In a file of fast-queue the blocked tasks are the held ones, and no task is read. In a file of
-- workflow-queue, tasks also wait for others and for limits.
SELECT iif((SELECT max(engine) FROM queue_file) > 0,
           (SELECT count(*) FROM queue_tasks NOT INDEXED WHERE state = 1),
           (SELECT count(*) FROM queue_holds))
