-- Number of tasks of queue id ?2 under key ?1 before task ?4 of priority ?3, admitted or waiting to be,
-- each in two ranges of the index.
SELECT (SELECT count(*) FROM queue_tasks INDEXED BY queue_tasks_keyed
        WHERE limit_key IS NOT NULL AND unmet = 0 AND state BETWEEN 1 AND 3
          AND limit_key = ?1 AND state = 1 AND queue = ?2 AND priority > ?3)
     + (SELECT count(*) FROM queue_tasks INDEXED BY queue_tasks_keyed
        WHERE limit_key IS NOT NULL AND unmet = 0 AND state BETWEEN 1 AND 3
          AND limit_key = ?1 AND state = 1 AND queue = ?2 AND priority = ?3 AND id < ?4)
     + (SELECT count(*) FROM queue_tasks INDEXED BY queue_tasks_keyed
        WHERE limit_key IS NOT NULL AND unmet = 0 AND state BETWEEN 1 AND 3
          AND limit_key = ?1 AND state = 2 AND queue = ?2 AND priority > ?3)
     + (SELECT count(*) FROM queue_tasks INDEXED BY queue_tasks_keyed
        WHERE limit_key IS NOT NULL AND unmet = 0 AND state BETWEEN 1 AND 3
          AND limit_key = ?1 AND state = 2 AND queue = ?2 AND priority = ?3 AND id < ?4)
