PRAGMA synchronous = NORMAL;
INSERT INTO queue_tasks (queue, state, priority, kind, created_at, name, payload)
VALUES (1, 2, 0, 0, unixepoch() * 1000, 'add', CAST('true' AS BLOB));
-- An argument of `sqlite3`: the same row as `add-task`, at the durability of `fast`. It must not
-- begin with a comment, which the shell would take for an option.
