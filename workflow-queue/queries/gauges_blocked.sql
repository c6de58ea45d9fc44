-- Tasks that wait for dependencies or a release, then those that wait for the limit of their key, under
-- the first thousand keys. Each step goes to the first entry of the next key.
WITH RECURSIVE keys (key) AS (
    SELECT min(limit_key) FROM queue_tasks INDEXED BY queue_tasks_keyed
    WHERE limit_key IS NOT NULL AND unmet = 0 AND state BETWEEN 1 AND 3
    UNION ALL
    SELECT (SELECT min(limit_key) FROM queue_tasks INDEXED BY queue_tasks_keyed
            WHERE limit_key > keys.key AND unmet = 0 AND state BETWEEN 1 AND 3)
    FROM keys WHERE keys.key IS NOT NULL LIMIT 1000
)
SELECT t.queue FROM queue_waiting AS w CROSS JOIN queue_tasks AS t ON t.id = w.dependent
WHERE t.state = 1
UNION ALL
SELECT t.queue FROM keys CROSS JOIN queue_tasks AS t INDEXED BY queue_tasks_keyed
WHERE t.limit_key = keys.key AND t.limit_key IS NOT NULL AND t.unmet = 0 AND t.state BETWEEN 1 AND 3
  AND t.state = 1
LIMIT ?1
