-- Tasks of queue id ?3 under key ?1 in state ?2, in the order in which they are admitted or claimed.
SELECT id, priority FROM queue_tasks INDEXED BY queue_tasks_keyed
WHERE limit_key IS NOT NULL AND unmet = 0 AND state BETWEEN 1 AND 3
  AND limit_key = ?1 AND state = ?2 AND queue = ?3
ORDER BY priority DESC, id
