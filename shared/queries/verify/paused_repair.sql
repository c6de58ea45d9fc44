-- Pauses the rest of the queue, so that no task starts that a person wanted to wait.
UPDATE queue_queues
SET paused_at = (SELECT max(paused_at) FROM queue_queues AS one WHERE one.name = queue_queues.name)
WHERE paused_at IS NULL
  AND name IN (SELECT name FROM queue_queues WHERE paused_at IS NOT NULL)
