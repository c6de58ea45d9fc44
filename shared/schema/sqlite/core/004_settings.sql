-- Settings of the file.

-- One row for each setting that differs from its default (shared/src/settings.rs). A program ignores
-- names it does not know.
CREATE TABLE queue_settings (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 200),
    value INTEGER NOT NULL
) STRICT;
