-- Reads nothing. Carrying it out, SQLite compares the schema with the one it was compiled for, and
-- compiles it anew after any change.
SELECT 1 FROM queue_schema WHERE 0
