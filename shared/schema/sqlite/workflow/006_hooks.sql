-- Hooks: where events are delivered, and the events that were given up.

CREATE TABLE queue_hooks (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 200),
    -- JSON: names of kinds; and names of queues, all if there are none.
    kinds TEXT NOT NULL,
    queues TEXT NOT NULL,
    -- Target: a URL, or the words of a command (JSON) and its folder.
    url TEXT,
    argv TEXT,
    cwd TEXT,
    -- Longest time of a delivery.
    limit_ms INTEGER NOT NULL,
    -- Key of signatures. No statement but that of deliveries reads it.
    secret TEXT,
    added_at INTEGER NOT NULL,
    -- Position: the last event of the log and the highest task that are dealt with. In a restored file it
    -- is the position of the backup.
    seq INTEGER NOT NULL,
    task INTEGER NOT NULL,
    paused_at INTEGER,
    -- Failed tries of the next event, and the time of the next one.
    failures INTEGER NOT NULL DEFAULT 0,
    next_try_at INTEGER,
    -- The last try, and the reason why it failed.
    last_at INTEGER,
    last_error TEXT,
    -- Number of events that were taken, of tries that failed, and of events that were given up.
    delivered INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    buried INTEGER NOT NULL DEFAULT 0,
    CHECK ((url IS NULL) <> (argv IS NULL))
) STRICT;

-- Events that a hook gave up. They keep the event as it was sent: the log may forget it.
CREATE TABLE queue_dead_letters (
    id INTEGER PRIMARY KEY,
    hook INTEGER NOT NULL,
    at INTEGER NOT NULL,
    -- Id and kind of the event.
    event TEXT NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    error TEXT NOT NULL,
    -- 1 if it is to be delivered again, once.
    wanted INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX queue_dead_letters_hook ON queue_dead_letters (hook, wanted);
