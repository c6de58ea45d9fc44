-- The last event of the log before a time; what follows it, in the order of the log, is later.
SELECT seq FROM queue_events WHERE at < ?1 ORDER BY seq DESC LIMIT 1
