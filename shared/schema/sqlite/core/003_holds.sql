-- Holds: tasks that wait until a person or program releases them.

-- One row per held task, which is blocked. Not in the task's own row, because few tasks are held, and
-- no claim has to look at it.
CREATE TABLE queue_holds (
    task INTEGER PRIMARY KEY,
    held_at INTEGER NOT NULL
) STRICT;
