-- The row of a new queue.
INSERT INTO queue_file (file_id, created_at)
VALUES ($1, floor(extract(epoch FROM clock_timestamp()) * 1000)::int8)
