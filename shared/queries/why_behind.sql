-- Number of tasks that are claimed before task ?3 of queue id ?1 and priority ?2: two ranges of the
-- claim index.
SELECT (SELECT count(*) FROM queue_tasks INDEXED BY queue_tasks_claim
        WHERE state = 2 AND queue = ?1 AND priority > ?2)
     + (SELECT count(*) FROM queue_tasks INDEXED BY queue_tasks_claim
        WHERE state = 2 AND queue = ?1 AND priority = ?2 AND id < ?3)
