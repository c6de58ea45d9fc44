-- Schedules, and the slots they fired or left out. A slot is the nominal time of a firing.
-- Codes of outcome and reason: workflow-queue/src/schedule/firing.rs.

CREATE TABLE queue_schedules (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 200),
    -- JSON: workflow-queue/src/schedule/spec.rs and action.rs.
    spec TEXT NOT NULL,
    action TEXT NOT NULL,
    -- Raised by every edit.
    revision INTEGER NOT NULL DEFAULT 1,
    added_at INTEGER NOT NULL,
    -- The next slot, NULL once the schedule has ended; and its time with the jitter, also NULL while
    -- nothing is to fire.
    next_slot INTEGER,
    next_at INTEGER,
    -- The newest slot that was fired or recorded.
    last_slot INTEGER,
    -- Time up to which no slot fires any more.
    floor INTEGER NOT NULL,
    paused_at INTEGER,
    -- Reason for which a worker set it aside, such as a time zone it does not know.
    trouble TEXT,
    -- Number of firings so far.
    fired INTEGER NOT NULL DEFAULT 0,
    -- Lowest id of its tasks that may not have ended.
    open_from INTEGER NOT NULL DEFAULT 0,
    CHECK (next_at IS NULL OR (next_slot IS NOT NULL AND paused_at IS NULL AND trouble IS NULL))
) STRICT;

-- The schedules that are due, and the time at which the next one is.
CREATE INDEX queue_schedules_due ON queue_schedules (next_at) WHERE next_at IS NOT NULL;

-- The schedules that a clock far ahead moved on.
CREATE INDEX queue_schedules_ahead ON queue_schedules (max(floor, coalesce(last_slot, 0)));

-- A slot that fired, or a range of slots that did not, from `slot` to `until`. A slot that fired is never
-- fired again, whatever the clock shows.
CREATE TABLE queue_firings (
    schedule INTEGER NOT NULL,
    slot INTEGER NOT NULL,
    until INTEGER NOT NULL CHECK (until >= slot),
    at INTEGER NOT NULL,
    outcome INTEGER NOT NULL CHECK (outcome IN (0, 1)),
    reason INTEGER,
    -- The enqueued task, or the one because of which the slot did not fire.
    task INTEGER,
    PRIMARY KEY (schedule, slot),
    CHECK (outcome = 1 OR (until = slot AND task IS NOT NULL))
) STRICT, WITHOUT ROWID;

-- Tasks of schedules; without a slot if enqueued by hand. In a table of their own, so that other tasks
-- do not become wider.
CREATE TABLE queue_scheduled (
    task INTEGER PRIMARY KEY,
    schedule INTEGER NOT NULL,
    slot INTEGER
) STRICT;

CREATE INDEX queue_scheduled_schedule ON queue_scheduled (schedule, task);
