-- A hook that goes on tries its next event at once.
UPDATE queue_hooks SET paused_at = ?2, failures = 0, next_try_at = NULL WHERE id = ?1
