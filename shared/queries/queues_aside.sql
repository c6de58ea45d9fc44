-- Queue ids of tasks that were set aside, and the ids they came from (see shared/src/sqlite/aside.rs).
SELECT id, CAST(substr(handler, 13) AS INTEGER) FROM queue_queues NOT INDEXED
WHERE substr(handler, 1, 12) = '(set aside) '
