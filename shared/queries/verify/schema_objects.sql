-- Tables and indexes that carry our prefix, as they were made.
SELECT name, sql FROM sqlite_schema
WHERE name LIKE 'queue\_%' ESCAPE '\' AND sql IS NOT NULL
