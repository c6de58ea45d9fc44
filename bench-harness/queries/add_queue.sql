INSERT INTO queue_queues (name, handler) VALUES ('default', '') ON CONFLICT DO NOTHING;
