SELECT id, fast, paused_at FROM queue_queues WHERE name = ?1 AND handler = ?2
