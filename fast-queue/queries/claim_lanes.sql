-- The lanes a worker can meet: its queue's.
SELECT id, handler, fast, paused_at FROM queue_queues WHERE name = ?1
