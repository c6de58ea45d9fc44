INSERT INTO queue_settings (name, value) VALUES (?1, ?2)
ON CONFLICT (name) DO UPDATE SET value = ?2 WHERE value <> ?2
