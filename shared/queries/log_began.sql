-- The first event of a log tells when it began.
INSERT INTO queue_events (seq, at, kind)
SELECT 1, ?1, 60 WHERE NOT EXISTS (SELECT 1 FROM queue_events)
