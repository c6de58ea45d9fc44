-- A task is in a lane that exists, of handlers exactly where it is for a handler.
SELECT 'task ' || t.id || ' of kind ' || t.kind || ' is in lane ' || t.queue
FROM queue_tasks AS t LEFT JOIN queue_queues AS q ON q.id = t.queue
WHERE q.id IS NULL OR (t.kind = 2) <> (q.handler <> '')
