-- Dead letters that are to be delivered again: one of a hook, or all.
UPDATE queue_dead_letters SET wanted = 1 WHERE hook = ?1 AND (?2 IS NULL OR id = ?2)
