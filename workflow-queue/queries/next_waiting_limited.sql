-- Some tasks that wait for the limit of their key.
SELECT id FROM queue_tasks INDEXED BY queue_tasks_keyed
WHERE limit_key IS NOT NULL AND unmet = 0 AND state BETWEEN 1 AND 3 AND state = 1
LIMIT ?1
