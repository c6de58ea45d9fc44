UPDATE queue_queues SET limited = 1 - limited
WHERE limited <> EXISTS (SELECT 1 FROM queue_limits
                         WHERE kind = 0 AND name = CAST(queue_queues.name AS BLOB))
