-- Tells how long the log is and how much of it is in the file; moves nothing and waits for nobody.
PRAGMA wal_checkpoint(NOOP)
