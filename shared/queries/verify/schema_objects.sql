-- Tables and indexes with the queue's prefix, as they were created.
SELECT name, sql FROM sqlite_schema
WHERE name LIKE 'queue\_%' ESCAPE '\' AND sql IS NOT NULL
