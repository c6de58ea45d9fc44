-- Alerts: rules about the file, and their states.

-- Codes of kind and phase: shared/src/queue/alert.rs. Thresholds are in the unit of the kind. Whoever
-- changes a row raises `revision`, so that one judge alone makes each change.
CREATE TABLE queue_alerts (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 200),
    kind INTEGER NOT NULL,
    queue TEXT,
    over INTEGER NOT NULL,
    clear INTEGER NOT NULL CHECK (clear <= over),
    for_ms INTEGER NOT NULL CHECK (for_ms >= 0),
    keep_ms INTEGER NOT NULL CHECK (keep_ms >= 0),
    phase INTEGER NOT NULL DEFAULT 0 CHECK (phase BETWEEN 0 AND 7),
    since INTEGER NOT NULL DEFAULT 0,
    clear_since INTEGER,
    value INTEGER,
    revision INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Useful in every file: nobody serves a queue, the oldest task waits for 10 minutes, half of the attempts
-- fail, the disk is almost full.
INSERT INTO queue_alerts (name, kind, over, clear, for_ms, keep_ms) VALUES
    ('unserved', 1, 0, 0, 120000, 60000),
    ('backlog-age', 2, 600000, 480000, 120000, 300000),
    ('failure-rate', 4, 50, 25, 300000, 300000),
    ('disk-used', 5, 95, 90, 60000, 60000);
