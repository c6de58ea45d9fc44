-- The first queues by the order in which they were named.
SELECT id, name, paused_at IS NOT NULL FROM queue_queues ORDER BY id LIMIT ?1
