-- Whether there is the schema, a queue's record of steps in it, and any table of a queue.
SELECT
    EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1),
    EXISTS (
        SELECT 1 FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname = $1 AND c.relname = 'queue_schema'
    ),
    EXISTS (
        SELECT 1 FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname = $1 AND c.relkind = 'r' AND c.relname LIKE 'queue\_%'
    )
