-- The lanes a worker can meet: its queue's.
SELECT id, handler, limited, paused_at FROM queue_queues WHERE name = ?1
