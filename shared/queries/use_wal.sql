PRAGMA journal_mode = wal
