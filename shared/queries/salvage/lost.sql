-- Rows were lost, of whatever table: the log no longer yields the counts. Kind 61 says so.
INSERT INTO queue_events (at, kind) VALUES (unixepoch() * 1000, 61)
