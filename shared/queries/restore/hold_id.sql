-- Ids continue above those that were given out before: an ended task takes the highest of them. Reason
-- 8 is cancel.
INSERT INTO queue_tasks (id, queue, state, priority, kind, created_at, finished_at, reason, name,
                         payload)
SELECT ?1, min(id), 6, 0, 0, ?2, ?2, 8, 'restored', CAST('true' AS BLOB)
FROM queue_queues WHERE handler = ''
