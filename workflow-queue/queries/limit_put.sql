INSERT INTO queue_limits (kind, name, concurrency, rate, rate_ms) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (kind, name) DO UPDATE
SET concurrency = excluded.concurrency, rate = excluded.rate, rate_ms = excluded.rate_ms,
    full_at = 0
