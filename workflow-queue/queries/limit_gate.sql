-- Running tasks count towards a limit that is set now.
UPDATE queue_tasks SET gate = ?2
WHERE state = 3 AND queue IN (SELECT id FROM queue_queues WHERE name = ?1)
