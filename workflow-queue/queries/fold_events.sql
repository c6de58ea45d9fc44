-- The next events of the log, as far as sums need them.
SELECT seq, at, kind, queue, since, ready_at, reason, cpu_us
FROM queue_events WHERE seq > ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3
