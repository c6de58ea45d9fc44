-- One statement, so that the counts belong together. Succeeded tasks, the majority, are in no index:
-- their number is the rest.
SELECT (SELECT count(*) FROM queue_tasks INDEXED BY queue_tasks_due WHERE state = 0),
       (SELECT count(*) FROM queue_tasks INDEXED BY queue_tasks_claim WHERE state = 2),
       (SELECT count(*) FROM queue_tasks INDEXED BY queue_tasks_running WHERE state = 3),
       (SELECT count(*) FROM queue_tasks NOT INDEXED),
       (SELECT count(*) FROM queue_tasks INDEXED BY queue_tasks_unsuccessful
        WHERE state >= 5 AND state = 5),
       (SELECT count(*) FROM queue_tasks INDEXED BY queue_tasks_unsuccessful
        WHERE state >= 5 AND state = 6),
       (SELECT count(*) FROM queue_tasks INDEXED BY queue_tasks_unsuccessful
        WHERE state >= 5 AND state = 7),
       (SELECT min(run_at) FROM queue_tasks INDEXED BY queue_tasks_due WHERE state = 0),
       (SELECT count(*) FROM queue_holds)
