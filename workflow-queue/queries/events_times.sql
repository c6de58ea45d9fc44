-- The events by their place in the log, the newest first, with their times.
SELECT seq, at FROM queue_events ORDER BY seq DESC
