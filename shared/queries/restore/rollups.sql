-- The sums of all time begin anew: with those of the backup, counters would jump back.
DELETE FROM queue_rollups WHERE span = 0
