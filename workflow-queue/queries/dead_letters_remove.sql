-- Dead letters of a hook: one, or all.
DELETE FROM queue_dead_letters WHERE hook = ?1 AND (?2 IS NULL OR id = ?2)
