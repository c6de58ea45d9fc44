-- The first handler queues by the order in which they were named.
SELECT id, name, handler, paused_at IS NOT NULL FROM queue_queues ORDER BY id LIMIT ?1
