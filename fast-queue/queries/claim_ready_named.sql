-- Handler queues of these queues, a JSON array of names, with waiting tasks, unless they are paused.
SELECT q.id, q.name, q.handler, q.fast, q.ageing_ms
FROM json_each(?1) AS served CROSS JOIN queue_queues AS q ON q.name = served.value
WHERE q.paused_at IS NULL
  AND EXISTS (SELECT 1 FROM queue_tasks INDEXED BY queue_tasks_claim
              WHERE state = 2 AND queue = q.id)
