-- As fill.sql, for tasks under the limit key ?5.
WITH RECURSIVE counter (i) AS (
    SELECT 1 UNION ALL SELECT i + 1 FROM counter WHERE i < ?1
)
INSERT INTO queue_tasks (queue, state, priority, kind, created_at, name, payload, limit_key)
SELECT ?2, 1, ?3 + i % 10, 0, ?4, 'task ' || i, CAST('echo ' || i AS BLOB), ?5
FROM counter;
