INSERT INTO queue_waiting (dependent, pending) VALUES (?1, ?2)
ON CONFLICT (dependent) DO UPDATE SET pending = excluded.pending
