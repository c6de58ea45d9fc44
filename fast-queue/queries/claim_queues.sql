-- Handler queues of a worker's queue.
SELECT id, handler, fast, paused_at FROM queue_queues WHERE name = ?1
