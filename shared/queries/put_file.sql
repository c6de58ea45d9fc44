INSERT INTO queue_file (id, file_id, created_at) VALUES (1, ?1, ?2)
