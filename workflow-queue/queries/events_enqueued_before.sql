-- Enqueued tasks of a range, the newest first, of a queue unless that is NULL; columns as in
-- events_enqueued.sql.
SELECT t.id, t.created_at, q.name, t.run_at, t.name, t.priority, t.workflow, t.spawner
FROM queue_tasks AS t LEFT JOIN queue_queues AS q ON q.id = t.queue
WHERE t.id > ?1 AND t.id <= ?2 AND (?3 IS NULL OR q.name = ?3)
ORDER BY t.id DESC
LIMIT ?4
