-- The queue id of a task exists, and has a handler exactly if the task is for a handler. Tasks that
-- were set aside, and kinds of newer versions, may be in either.
SELECT 'task ' || t.id || ' of kind ' || t.kind || ' has queue id ' || t.queue
FROM queue_tasks AS t LEFT JOIN queue_queues AS q ON q.id = t.queue
WHERE q.id IS NULL
   OR (t.kind < 3 AND (t.kind = 2) <> (q.handler <> '')
       AND substr(q.handler, 1, 12) <> '(set aside) ')
