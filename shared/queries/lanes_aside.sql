-- Lanes of what was set aside, and those it came from (see shared/src/sqlite/aside.rs).
SELECT id, CAST(substr(handler, 13) AS INTEGER) FROM queue_queues NOT INDEXED
WHERE substr(handler, 1, 12) = '(set aside) '
