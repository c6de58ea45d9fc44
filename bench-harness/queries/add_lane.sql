INSERT INTO queue_queues (name, handler, paused_at) VALUES (?1, ?2, ?3) RETURNING id;
