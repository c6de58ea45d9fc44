-- Schema objects in an engine's file: tables, their columns, and indexes with a name of their
-- own; those that SQLite makes for a key have none in the schema's text.
SELECT
    (SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name LIKE 'queue\_%' ESCAPE '\'),
    (
        SELECT count(*)
        FROM sqlite_schema AS s, pragma_table_info(s.name)
        WHERE s.type = 'table' AND s.name LIKE 'queue\_%' ESCAPE '\'
    ),
    (
        SELECT count(*)
        FROM sqlite_schema
        WHERE type = 'index' AND sql IS NOT NULL AND name LIKE 'queue\_%' ESCAPE '\'
    );
