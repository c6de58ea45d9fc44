-- What `sqlite3 FILE` is given: the same row, at the durability of `fast`.
PRAGMA synchronous = NORMAL;
INSERT INTO queue_tasks (queue, state, priority, kind, created_at, name, payload)
VALUES (1, 2, 0, 0, unixepoch() * 1000, 'add', CAST('true' AS BLOB));
