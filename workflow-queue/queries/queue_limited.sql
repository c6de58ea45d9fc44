-- Puts a new handler queue under its queue's limit.
UPDATE queue_queues
SET limited = EXISTS (SELECT 1 FROM queue_limits
                      WHERE kind = 0 AND name = CAST(queue_queues.name AS BLOB))
WHERE id = ?1
