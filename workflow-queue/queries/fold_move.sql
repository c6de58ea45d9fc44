-- Changes nothing if somebody else has added to the sums since they were read.
UPDATE queue_folded SET revision = revision + 1, seq = ?2, task = ?3 WHERE revision = ?1
