-- Returns the length of the log and of its part in the file. Moves nothing and does not wait.
PRAGMA wal_checkpoint(NOOP)
