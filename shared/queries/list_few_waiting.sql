-- Whether at most ?1 tasks are queued, and at most ?1 scheduled; counting stops there.
SELECT (SELECT count(*) FROM (SELECT 1 FROM queue_tasks INDEXED BY queue_tasks_claim
                              WHERE state = 2 LIMIT ?1 + 1)) <= ?1,
       (SELECT count(*) FROM (SELECT 1 FROM queue_tasks INDEXED BY queue_tasks_due
                              WHERE state = 0 LIMIT ?1 + 1)) <= ?1
