-- The sums of all time begin anew, after everything that was folded.
UPDATE queue_folded SET revision = revision + 1, from_seq = seq, from_task = task
