-- The event log: the changes that no other row tells of any more, in the order of their commits.
-- Codes of kind: shared/src/journal/kind.rs.

-- `seq` has no gap: a transaction takes the number after the highest, and the last row is never
-- deleted. Ends of executions are written in place of queue_attempts, which keeps the older ones. In no
-- index: one on the task would make a cycle of a task 7 % slower, so the events of a task form a chain.
CREATE TABLE queue_events (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    -- The task, and its event before this one.
    task INTEGER,
    prev INTEGER,
    queue INTEGER,
    token INTEGER,
    attempt INTEGER,
    worker INTEGER,
    -- State of the task before and after.
    was INTEGER,
    state INTEGER,
    -- Of the end of an execution: when it could start, and when it started.
    ready_at INTEGER,
    since INTEGER,
    exit_code INTEGER,
    signal INTEGER,
    reason INTEGER,
    -- Processor time and peak memory of the command.
    cpu_us INTEGER,
    rss_kb INTEGER,
    message TEXT,
    -- The end of what an unsuccessful attempt wrote.
    tail BLOB,
    -- JSON: whatever else the kind has to tell.
    data TEXT
) STRICT;

-- An event tells what happened, so that no statement has a reason to change one.
CREATE TRIGGER queue_events_stay BEFORE UPDATE ON queue_events
BEGIN
    SELECT RAISE(ABORT, 'events are never changed');
END;

-- The task's last event. NULL if there is none, 0 if the task is older than the log.
ALTER TABLE queue_tasks ADD COLUMN event INTEGER DEFAULT 0;
