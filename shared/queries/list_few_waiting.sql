-- Two flags: 1 if at most ?1 tasks are queued, 1 if at most ?1 are scheduled. Counting stops there.
SELECT (SELECT count(*) FROM (SELECT 1 FROM queue_tasks INDEXED BY queue_tasks_claim
                              WHERE state = 2 LIMIT ?1 + 1)) <= ?1,
       (SELECT count(*) FROM (SELECT 1 FROM queue_tasks INDEXED BY queue_tasks_due
                              WHERE state = 0 LIMIT ?1 + 1)) <= ?1
