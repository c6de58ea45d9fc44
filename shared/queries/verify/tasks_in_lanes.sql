-- A task is in a lane that exists, of handlers exactly where it is for a handler. What was set aside, and
-- kinds of newer versions, may be in either.
SELECT 'task ' || t.id || ' of kind ' || t.kind || ' is in lane ' || t.queue
FROM queue_tasks AS t LEFT JOIN queue_queues AS q ON q.id = t.queue
WHERE q.id IS NULL
   OR (t.kind < 3 AND (t.kind = 2) <> (q.handler <> '')
       AND substr(q.handler, 1, 12) <> '(set aside) ')
