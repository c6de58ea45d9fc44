SELECT id, concurrency, rate, rate_ms, full_at FROM queue_limits WHERE kind = ?1 AND name = ?2
