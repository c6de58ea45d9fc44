SELECT min(queue) FROM queue_tasks INDEXED BY queue_tasks_keyed
WHERE limit_key IS NOT NULL AND unmet = 0 AND state BETWEEN 1 AND 3
  AND limit_key = ?1 AND state = 2 AND queue > ?2
