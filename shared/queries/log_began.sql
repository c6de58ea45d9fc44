-- The first event of a log tells when it began, and if there were tasks already: of these it does
-- not tell everything.
INSERT INTO queue_events (seq, at, kind, data)
SELECT 1, ?1, 60, CASE WHEN EXISTS (SELECT 1 FROM queue_tasks) THEN json_object('older_tasks', 1) END
WHERE NOT EXISTS (SELECT 1 FROM queue_events)
