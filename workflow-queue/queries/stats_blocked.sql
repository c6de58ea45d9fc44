-- Blocked tasks wait for dependencies or for the limit of their key; few tasks do either.
SELECT (SELECT count(*) FROM queue_waiting)
     + (SELECT count(*) FROM queue_tasks INDEXED BY queue_tasks_keyed
        WHERE limit_key IS NOT NULL AND unmet = 0 AND state BETWEEN 1 AND 3 AND state = 1)
