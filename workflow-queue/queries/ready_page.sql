-- Claimable tasks of a handler queue under a key beyond the first ?3: a lowered limit takes them back.
SELECT id FROM queue_tasks INDEXED BY queue_tasks_keyed
WHERE limit_key IS NOT NULL AND unmet = 0 AND state BETWEEN 1 AND 3
  AND limit_key = ?1 AND state = 2 AND queue = ?2
ORDER BY priority DESC, id LIMIT -1 OFFSET ?3
