-- ?1 tasks of one kind in one statement, ids ascending. Priorities run from ?4 to ?4 + 9.
WITH RECURSIVE counter (i) AS (
    SELECT 1 UNION ALL SELECT i + 1 FROM counter WHERE i < ?1
)
INSERT INTO queue_tasks
    (queue, state, priority, kind, created_at, run_at, finished_at, name, payload)
SELECT ?2, ?3, ?4 + i % 10, 0, ?5, ?6, ?7, 'task ' || i, CAST('echo ' || i AS BLOB)
FROM counter;
