-- One process at a time changes the tables of a schema; the lock ends with the transaction.
SELECT pg_advisory_xact_lock(hashtextextended('queue:' || $1, 0))
