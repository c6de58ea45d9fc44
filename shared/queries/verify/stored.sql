-- Columns of every task that a program has to be able to read.
SELECT t.id, t.state, t.kind, t.payload, coalesce(q.handler, ''), t.options,
       t.attempt - coalesce((SELECT attempts FROM queue_retried WHERE task = t.id), 0), t.crashes
FROM queue_tasks AS t LEFT JOIN queue_queues AS q ON q.id = t.queue
