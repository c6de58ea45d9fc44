-- A step that was taken.
INSERT INTO queue_schema (version, applied_at)
VALUES ($1, floor(extract(epoch FROM clock_timestamp()) * 1000)::int8)
