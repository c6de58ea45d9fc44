-- The next tasks of a handler queue that wait for a key. Without a LIMIT, as in claim_next.sql.
SELECT id FROM queue_tasks INDEXED BY queue_tasks_keyed
WHERE limit_key IS NOT NULL AND unmet = 0 AND state BETWEEN 1 AND 3
  AND limit_key = ?1 AND state = 1 AND queue = ?2
ORDER BY priority DESC, id
