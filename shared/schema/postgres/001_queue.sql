-- A queue on a server. The schema is chosen by search_path.
-- Codes of states, kinds and reasons: shared/src/state.rs, task.rs, outcome.rs; of events:
-- shared/src/journal/kind.rs. Times are milliseconds since 1970-01-01 UTC, on the server's clock.
--
-- A task stands in exactly one of the tables queue_scheduled, queue_waiting, queue_parked, queue_ready
-- and queue_running, until its end is the last of its rows in queue_events. So what changes is narrow and
-- short-lived, and what is wide or stays is written once. Its counters travel with its row.

-- Steps of this file and its successors.
CREATE TABLE queue_schema (
    version int PRIMARY KEY,
    applied_at bigint NOT NULL
);

CREATE TABLE queue_file (
    id smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    file_id bigint NOT NULL,
    -- Raised when a server has lost commits; a part of every token.
    epoch bigint NOT NULL DEFAULT 0,
    -- The timeline of the server's log at the last look: another one means that a standby took over.
    timeline int,
    created_at bigint NOT NULL
);

CREATE TABLE queue_settings (
    name text COLLATE "C" PRIMARY KEY,
    value bigint NOT NULL
);

-- One row per queue and handler ('' is shell commands), so that a worker never meets a task it cannot
-- run.
CREATE TABLE queue_queues (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text COLLATE "C" NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 800),
    handler text COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(handler) <= 800),
    paused_at bigint,
    -- True if claims have to look at queue_limits.
    limited boolean NOT NULL DEFAULT false,
    UNIQUE (name, handler)
);

CREATE TABLE queue_tasks (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    queue int NOT NULL,
    -- The priority with its sign turned: claims read ascending keys.
    rank int NOT NULL,
    kind smallint NOT NULL CHECK (kind BETWEEN 0 AND 15),
    created_at bigint NOT NULL,
    name text COLLATE "C" NOT NULL CHECK (name <> ''),
    payload bytea NOT NULL,
    -- JSON of what differs from the defaults.
    options text,
    limit_key bytea,
    -- Time at which the task fails if it still waits; the second also ends a running attempt. Then the
    -- durations behind them.
    expires_at bigint,
    deadline_at bigint,
    start_within_ms bigint,
    finish_within_ms bigint,
    workflow bigint,
    spawner bigint,
    depends boolean NOT NULL DEFAULT false
);

-- The tasks of a workflow, first those that no running task added.
CREATE INDEX queue_tasks_workflow ON queue_tasks (workflow, spawner) WHERE workflow IS NOT NULL;

-- Waiting tasks that fail at a time; a row stays until a look finds that its task has ended.
CREATE TABLE queue_expiring (
    at bigint NOT NULL,
    task bigint NOT NULL,
    PRIMARY KEY (at, task)
);

-- Idempotency keys, each with the task that holds it.
CREATE TABLE queue_keys (
    key bytea PRIMARY KEY,
    task bigint NOT NULL UNIQUE,
    -- How long it stays taken: NULL for ever, 1 while the task has not ended, 2 until a time.
    scope smallint,
    until_at bigint
);

-- Tasks that can be claimed, in the order of claims.
CREATE TABLE queue_ready (
    queue int NOT NULL,
    rank int NOT NULL,
    id bigint NOT NULL,
    -- Since when.
    ready_at bigint NOT NULL,
    attempt int NOT NULL DEFAULT 0,
    crashes int NOT NULL DEFAULT 0,
    token bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (queue, rank, id)
);

-- Tasks that wait for a time: a delay, or the backoff of a retry.
CREATE TABLE queue_scheduled (
    id bigint PRIMARY KEY,
    run_at bigint NOT NULL,
    attempt int NOT NULL DEFAULT 0,
    crashes int NOT NULL DEFAULT 0,
    token bigint NOT NULL DEFAULT 0
);
CREATE INDEX queue_scheduled_due ON queue_scheduled (run_at, id);

-- Tasks that wait for a slot under their limit key.
CREATE TABLE queue_parked (
    limit_key bytea NOT NULL,
    queue int NOT NULL,
    rank int NOT NULL,
    id bigint NOT NULL,
    attempt int NOT NULL DEFAULT 0,
    crashes int NOT NULL DEFAULT 0,
    token bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (limit_key, queue, rank, id)
);

-- Tasks that wait for dependencies, or are held.
CREATE TABLE queue_waiting (
    dependent bigint PRIMARY KEY,
    -- Number of open dependencies, and one more if it is held.
    pending int NOT NULL CHECK (pending > 0),
    held_at bigint,
    run_at bigint,
    attempt int NOT NULL DEFAULT 0,
    crashes int NOT NULL DEFAULT 0,
    token bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 70);

-- Claims. Heartbeats change rows in place: no other index, and room in the page.
CREATE TABLE queue_running (
    id bigint PRIMARY KEY,
    token bigint NOT NULL,
    worker bigint NOT NULL,
    queue int NOT NULL,
    attempt int NOT NULL,
    crashes int NOT NULL,
    ready_at bigint NOT NULL,
    started_at bigint NOT NULL,
    lease_until bigint NOT NULL,
    cancel_requested_at bigint
) WITH (fillfactor = 50);

-- Limits. `kind`: 0 a queue (by name), 1 a limit key.
CREATE TABLE queue_limits (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind smallint NOT NULL CHECK (kind IN (0, 1)),
    name bytea NOT NULL,
    concurrency bigint CHECK (concurrency >= 0),
    rate bigint CHECK (rate >= 0),
    rate_ms bigint CHECK (rate_ms > 0),
    full_at bigint NOT NULL DEFAULT 0,
    UNIQUE (kind, name),
    CHECK ((rate IS NULL) = (rate_ms IS NULL))
);

-- One row per task that may run under a limit at once: a claim takes a free one, so nothing is counted.
CREATE TABLE queue_slots (
    limit_id int NOT NULL,
    n int NOT NULL,
    task bigint,
    token bigint,
    PRIMARY KEY (limit_id, n)
) WITH (fillfactor = 50);

-- The edges, from the task depended on to those that wait for it.
CREATE TABLE queue_dependencies (
    task bigint NOT NULL,
    dependent bigint NOT NULL CHECK (dependent <> task),
    condition smallint NOT NULL CHECK (condition BETWEEN 0 AND 7),
    PRIMARY KEY (task, dependent)
);

-- The same edges backwards, all of a dependent in one value (workflow-queue/src/upstream.rs).
CREATE TABLE queue_upstream (
    dependent bigint PRIMARY KEY,
    tasks bytea NOT NULL
);

-- What happened to tasks. The end of a task is its last row, if that has a final state. Numbers are not
-- in the order of commits: readers stop below the oldest open transaction.
CREATE TABLE queue_events (
    seq bigint GENERATED ALWAYS AS IDENTITY,
    at bigint NOT NULL,
    kind smallint NOT NULL,
    task bigint,
    queue int,
    token bigint,
    attempt int,
    crashes int,
    worker bigint,
    was smallint,
    state smallint,
    ready_at bigint,
    since bigint,
    exit_code int,
    signal int,
    reason smallint,
    -- The dependency because of which it was skipped.
    cause bigint,
    cpu_us bigint,
    rss_kb bigint,
    -- Bytes: a message may hold NUL.
    message bytea,
    tail bytea,
    data text
);
CREATE UNIQUE INDEX queue_events_order ON queue_events (seq);
CREATE INDEX queue_events_task ON queue_events (task, seq) WHERE task IS NOT NULL;
-- Counts and lists of unsuccessful tasks.
CREATE INDEX queue_events_unsuccessful ON queue_events (state, seq) WHERE state >= 5;

-- Outputs of attempts.
CREATE TABLE queue_outputs (
    task bigint NOT NULL,
    attempt int NOT NULL,
    frames bytea NOT NULL,
    PRIMARY KEY (task, attempt)
);

-- Registered workers. `place` is a worker's position.
CREATE TABLE queue_workers (
    id bigint PRIMARY KEY,
    place int NOT NULL UNIQUE CHECK (place >= 0),
    host text NOT NULL,
    pid int NOT NULL,
    boot_id text NOT NULL,
    started_at bigint NOT NULL,
    slots int NOT NULL,
    serves text NOT NULL
);

-- Tables whose rows come and go: a vacuum after some thousand rows, whatever the size, and without pauses.
ALTER TABLE queue_ready SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE queue_running SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE queue_scheduled SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE queue_waiting SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE queue_parked SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

-- Commands of the default queue have their row from the start.
INSERT INTO queue_queues (name) VALUES ('default');
