-- Handler queues of a worker's queue.
SELECT id, handler, limited, paused_at FROM queue_queues WHERE name = ?1
