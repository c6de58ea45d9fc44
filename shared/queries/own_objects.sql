-- Whether the versions are there, and whether anything else is that carries our prefix.
SELECT
    coalesce(sum(name = 'queue_schema'), 0),
    coalesce(sum(name <> 'queue_schema'), 0)
FROM sqlite_schema
WHERE name LIKE 'queue\_%' ESCAPE '\'
