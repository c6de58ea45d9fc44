SELECT kind, name, concurrency, rate, rate_ms FROM queue_limits ORDER BY kind, name
