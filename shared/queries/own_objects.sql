-- Number of tables of versions (0 or 1), and of other objects with the queue's prefix.
SELECT
    coalesce(sum(name = 'queue_schema'), 0),
    coalesce(sum(name <> 'queue_schema'), 0)
FROM sqlite_schema
WHERE name LIKE 'queue\_%' ESCAPE '\'
