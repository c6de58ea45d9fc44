-- Scheduled tasks whose time has come join the claim index, the earliest first.
UPDATE queue_tasks SET state = 2
WHERE id IN (SELECT id FROM queue_tasks INDEXED BY queue_tasks_due
             WHERE state = 0 AND run_at <= ?1 ORDER BY run_at LIMIT ?2)
