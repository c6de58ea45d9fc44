-- Attempts before the last retry: their number, and their outputs.

-- Number of attempts of a task at its last retry, if any. Numbers continue from there; the budget and
-- the backoff begin anew. Not in the task's own row, because few tasks are retried.
CREATE TABLE queue_retried (
    task INTEGER PRIMARY KEY,
    attempts INTEGER NOT NULL CHECK (attempts > 0)
) STRICT;

-- Attempt of the output; 0 if the program that stored it did not record that. Without a CHECK, which
-- would read every row here.
ALTER TABLE queue_outputs ADD COLUMN attempt INTEGER NOT NULL DEFAULT 0;

-- Small outputs of the last few attempts before that one (shared/src/output.rs).
CREATE TABLE queue_earlier_outputs (
    task INTEGER NOT NULL,
    attempt INTEGER NOT NULL CHECK (attempt > 0),
    frames BLOB NOT NULL,
    PRIMARY KEY (task, attempt)
) STRICT, WITHOUT ROWID;
