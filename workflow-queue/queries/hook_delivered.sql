UPDATE queue_hooks SET seq = ?4, task = ?5, failures = 0, next_try_at = NULL, last_at = ?6,
       last_error = NULL, delivered = delivered + 1
WHERE id = ?1 AND seq = ?2 AND task = ?3
