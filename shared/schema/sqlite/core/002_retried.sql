-- What a retry leaves of the attempts before it: their number, and what they wrote.

-- How many attempts a task had made when it was last retried, if any: numbers go on from there, the
-- budget and the backoff begin anew. Apart from the task's own row, which every task has.
CREATE TABLE queue_retried (
    task INTEGER PRIMARY KEY,
    attempts INTEGER NOT NULL CHECK (attempts > 0)
) STRICT;

-- Whose output it is; 0 where a program that did not write that down stored it. Without a CHECK, for
-- which every row would be looked at here.
ALTER TABLE queue_outputs ADD COLUMN attempt INTEGER NOT NULL DEFAULT 0;

-- The small outputs of attempts before that one, of the last few (shared/src/output.rs).
CREATE TABLE queue_earlier_outputs (
    task INTEGER NOT NULL,
    attempt INTEGER NOT NULL CHECK (attempt > 0),
    frames BLOB NOT NULL,
    PRIMARY KEY (task, attempt)
) STRICT, WITHOUT ROWID;
