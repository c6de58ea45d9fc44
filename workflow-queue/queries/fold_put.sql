INSERT INTO queue_rollups (span, start, queue, sums) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (span, start, queue) DO UPDATE SET sums = excluded.sums
