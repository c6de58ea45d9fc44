-- The workflow line: leases, dependencies, attempts, limits.
-- Codes of conditions: shared/src/workflow.rs; of key scopes: workflow-queue/src/workflow_task.rs.

-- From here on the file is workflow-queue's, and every queue is closed to fast-queue.
UPDATE queue_file SET engine = 2;
UPDATE queue_queues SET fast = 0;

-- 1 if claims have to look at queue_limits; claims read this column with the row anyway.
ALTER TABLE queue_queues ADD COLUMN limited INTEGER NOT NULL DEFAULT 0 CHECK (limited IN (0, 1));

-- 1 while a blocked task waits for dependencies; other blocked tasks wait for their limit.
ALTER TABLE queue_tasks ADD COLUMN unmet INTEGER NOT NULL DEFAULT 0 CHECK (unmet IN (0, 1));
-- 1 if the task has dependencies. The claim tells its worker, which looks for outputs of dependencies
-- only then.
ALTER TABLE queue_tasks ADD COLUMN depends INTEGER NOT NULL DEFAULT 0 CHECK (depends IN (0, 1));
-- Boot time in milliseconds; NULL for a claim without a lease. In no index: that would halve the speed
-- of claims, and expiry reads only the running rows.
ALTER TABLE queue_tasks ADD COLUMN lease_until INTEGER;
-- Time at which the task fails if it still waits; `deadline_at` also ends a running attempt.
ALTER TABLE queue_tasks ADD COLUMN expires_at INTEGER;
ALTER TABLE queue_tasks ADD COLUMN deadline_at INTEGER;
-- Durations behind these two times, which are set anew when the task is re-opened.
ALTER TABLE queue_tasks ADD COLUMN start_within_ms INTEGER;
ALTER TABLE queue_tasks ADD COLUMN finish_within_ms INTEGER;
-- The first task of the workflow it belongs to, unless it was enqueued alone; and the task that
-- added it while running.
ALTER TABLE queue_tasks ADD COLUMN workflow INTEGER;
ALTER TABLE queue_tasks ADD COLUMN spawner INTEGER;
-- The dependency because of which it was skipped.
ALTER TABLE queue_tasks ADD COLUMN cause INTEGER;
-- Time for which its key stays taken.
ALTER TABLE queue_tasks ADD COLUMN key_scope INTEGER;
ALTER TABLE queue_tasks ADD COLUMN key_until INTEGER;
-- The key it is limited by, and, while it runs, the limited queue it was claimed from.
ALTER TABLE queue_tasks ADD COLUMN limit_key BLOB;
ALTER TABLE queue_tasks ADD COLUMN gate INTEGER;

-- Waiting tasks that fail at a time.
CREATE INDEX queue_tasks_expiring ON queue_tasks (expires_at)
WHERE expires_at IS NOT NULL AND state < 3;

-- The tasks of a workflow, first those that no running task added; written once, in the order of the
-- table.
CREATE INDEX queue_tasks_workflow ON queue_tasks (workflow, spawner) WHERE workflow IS NOT NULL;

-- Limits by key: the number of running tasks, the number of claimable ones by queue id, and the next
-- one that waits.
CREATE INDEX queue_tasks_keyed ON queue_tasks (limit_key, state, queue, priority DESC, id)
WHERE limit_key IS NOT NULL AND unmet = 0 AND state BETWEEN 1 AND 3;

-- Limits by queue: the number of running tasks.
CREATE INDEX queue_tasks_gated ON queue_tasks (gate) WHERE gate IS NOT NULL AND state = 3;

-- The edges, from the task depended on to those that wait for it.
CREATE TABLE queue_dependencies (
    task INTEGER NOT NULL,
    dependent INTEGER NOT NULL CHECK (dependent <> task),
    condition INTEGER NOT NULL CHECK (condition BETWEEN 0 AND 7),
    PRIMARY KEY (task, dependent)
) STRICT, WITHOUT ROWID;

-- The same edges backwards, all of a dependent in one value (workflow-queue/src/upstream.rs): a
-- second index would make inserting a workflow half as slow again, and in the task's own row the
-- value would be written anew whenever a dependency ends.
CREATE TABLE queue_upstream (
    dependent INTEGER PRIMARY KEY,
    tasks BLOB NOT NULL
) STRICT;

-- Number of open dependencies, for each task that waits for any. Every dependency that ends changes it,
-- so it is not in the task's own, wide row.
CREATE TABLE queue_waiting (
    dependent INTEGER PRIMARY KEY,
    pending INTEGER NOT NULL CHECK (pending > 0)
) STRICT;

-- One row per attempt and per crash, written when it ends.
CREATE TABLE queue_attempts (
    task INTEGER NOT NULL,
    token INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    worker INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    finished_at INTEGER NOT NULL,
    -- What the task became.
    state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 15),
    exit_code INTEGER,
    signal INTEGER,
    reason INTEGER,
    message TEXT,
    -- The end of what it wrote, unless it succeeded: a later attempt replaces the stored output.
    tail BLOB,
    PRIMARY KEY (task, token)
) STRICT, WITHOUT ROWID;

-- `kind`: 0 a queue (by name), 1 a limit key.
CREATE TABLE queue_limits (
    id INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL CHECK (kind IN (0, 1)),
    name BLOB NOT NULL,
    -- How many may run at once.
    concurrency INTEGER CHECK (concurrency >= 0),
    -- How many may start in every `rate_ms`, and when the bucket is full again (wall time).
    rate INTEGER CHECK (rate >= 0),
    rate_ms INTEGER CHECK (rate_ms > 0),
    full_at INTEGER NOT NULL DEFAULT 0,
    UNIQUE (kind, name),
    CHECK ((rate IS NULL) = (rate_ms IS NULL))
) STRICT;
