CREATE TABLE queue_schema (
    line TEXT PRIMARY KEY,
    version INTEGER NOT NULL CHECK (version > 0),
    migrated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID
