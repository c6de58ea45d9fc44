-- Edges from the task depended on to those that wait for it, and how many of them are open, kept
-- apart from the wide row of the task.
CREATE TABLE raw_dependencies (
    task INTEGER NOT NULL,
    dependent INTEGER NOT NULL,
    PRIMARY KEY (task, dependent)
) STRICT, WITHOUT ROWID;
CREATE TABLE raw_waiting (
    dependent INTEGER PRIMARY KEY,
    pending INTEGER NOT NULL
) STRICT;
