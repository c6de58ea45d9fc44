-- Roll-ups: sums of new tasks and of events, which metrics, charts and health read.

-- Sums of a queue over a span of time (shared/src/journal/fold.rs). `span`: 0 all time, which begins
-- with the file and anew with a restore; 1 an hour; 2 a minute. `sums`: shared/src/journal/sums.rs.
CREATE TABLE queue_rollups (
    span INTEGER NOT NULL CHECK (span BETWEEN 0 AND 7),
    start INTEGER NOT NULL,
    queue INTEGER NOT NULL,
    sums BLOB NOT NULL,
    PRIMARY KEY (span, start, queue)
) STRICT, WITHOUT ROWID;

-- Position up to which events and tasks are in the sums, and the position from which the sums of all
-- time have them. Whoever adds to the sums raises `revision`, so that nothing is added twice.
CREATE TABLE queue_folded (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    revision INTEGER NOT NULL DEFAULT 0,
    seq INTEGER NOT NULL DEFAULT 0,
    task INTEGER NOT NULL DEFAULT 0,
    from_seq INTEGER NOT NULL DEFAULT 0,
    from_task INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Earlier tasks and events are in the sums of minutes and hours alone: some of them may be deleted.
INSERT INTO queue_folded (id, from_seq, from_task)
SELECT 1, (SELECT coalesce(max(seq), 0) FROM queue_events),
       (SELECT coalesce(max(id), 0) FROM queue_tasks);
