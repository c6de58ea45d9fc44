-- The core line, which both engines read and write.
-- Codes of state, kind and reason: shared/src/state.rs, task.rs, outcome.rs.
-- Times are milliseconds since 1970-01-01 UTC.

-- Engine of the file: 0 fast-queue, 1 being promoted, 2 workflow-queue.
CREATE TABLE queue_file (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    file_id INTEGER NOT NULL,
    epoch INTEGER NOT NULL DEFAULT 0,
    engine INTEGER NOT NULL DEFAULT 0 CHECK (engine BETWEEN 0 AND 2),
    created_at INTEGER NOT NULL
) STRICT;

-- One row per queue and handler ('' is shell commands), so that a worker never meets a task it
-- cannot run. `fast` is 1 while fast-queue may write: the claim and the enqueue look this row up
-- anyway, and so notice a promotion in their own statement at no cost.
CREATE TABLE queue_queues (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    handler TEXT NOT NULL DEFAULT '' CHECK (length(handler) <= 200),
    fast INTEGER NOT NULL DEFAULT 1 CHECK (fast IN (0, 1)),
    paused_at INTEGER,
    UNIQUE (name, handler)
) STRICT;

-- Commands of the default queue have their row from the start, so that the first of them is enqueued
-- like every other.
INSERT INTO queue_queues (name) VALUES ('default');

CREATE TABLE queue_tasks (
    id INTEGER PRIMARY KEY,
    queue INTEGER NOT NULL,
    state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 15),
    priority INTEGER NOT NULL CHECK (priority BETWEEN -2147483648 AND 2147483647),
    kind INTEGER NOT NULL CHECK (kind BETWEEN 0 AND 15),
    -- Both budgets are raised at the claim; the settle or the reap takes one of them back.
    attempt INTEGER NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    crashes INTEGER NOT NULL DEFAULT 0 CHECK (crashes >= 0),
    -- The fencing token: raised at every claim, never lowered.
    token INTEGER NOT NULL DEFAULT 0 CHECK (token >= 0),
    worker INTEGER,
    created_at INTEGER NOT NULL,
    run_at INTEGER,
    started_at INTEGER,
    finished_at INTEGER,
    cancel_requested_at INTEGER,
    exit_code INTEGER,
    signal INTEGER,
    reason INTEGER,
    name TEXT NOT NULL CHECK (name <> ''),
    payload BLOB NOT NULL,
    -- JSON of what differs from the defaults (NULL: nothing does), so an ordinary row stays small.
    options TEXT,
    key BLOB,
    message TEXT,
    CHECK (state <> 0 OR run_at IS NOT NULL),
    CHECK (state <> 3 OR (worker IS NOT NULL AND started_at IS NOT NULL)),
    CHECK (state NOT BETWEEN 4 AND 7 OR finished_at IS NOT NULL)
) STRICT;

-- The claim: highest priority first, then the oldest.
CREATE INDEX queue_tasks_claim ON queue_tasks (queue, priority DESC, id) WHERE state = 2;

-- Promotion of delayed tasks that came due.
CREATE INDEX queue_tasks_due ON queue_tasks (run_at) WHERE state = 0;

-- Heartbeats, and recovery of a dead worker's tasks.
CREATE INDEX queue_tasks_running ON queue_tasks (worker) WHERE state = 3;

-- Counts and lists of unsuccessful tasks; succeeded tasks are in no index.
CREATE INDEX queue_tasks_unsuccessful ON queue_tasks (state) WHERE state >= 5;

-- Idempotency: one task per key.
CREATE UNIQUE INDEX queue_tasks_key ON queue_tasks (key) WHERE key IS NOT NULL;

-- Output too small for a file of its own (see shared/src/output.rs for the format).
CREATE TABLE queue_outputs (
    task INTEGER PRIMARY KEY,
    frames BLOB NOT NULL
) STRICT;

-- Registered workers. The lock on a worker's file tells if it lives, not this row. `place` is its
-- position.
CREATE TABLE queue_workers (
    id INTEGER PRIMARY KEY,
    place INTEGER NOT NULL UNIQUE CHECK (place >= 0),
    pid INTEGER NOT NULL,
    boot_id TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    slots INTEGER NOT NULL,
    serves TEXT NOT NULL
) STRICT;
