-- An alert that is useful in every file with hooks: an event was given up, and nobody has dealt with it.
-- An alert of that name that a person has set stays.
INSERT OR IGNORE INTO queue_alerts (name, kind, over, clear, for_ms, keep_ms) VALUES
    ('dead-letters', 6, 0, 0, 0, 0);

-- A row alone would change no schema, by which programs that have the file open notice a step.
CREATE TABLE queue_noticed (at INTEGER) STRICT;
DROP TABLE queue_noticed;
