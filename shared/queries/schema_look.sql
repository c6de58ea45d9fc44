-- Reads nothing. When SQLite executes it, it compares the schema with the one it compiled for, and
-- compiles it anew after any change.
SELECT 1 FROM queue_schema WHERE 0
