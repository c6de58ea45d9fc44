SELECT count(*) FROM queue_tasks INDEXED BY queue_tasks_gated
WHERE gate IS NOT NULL AND state = 3 AND gate = ?1
