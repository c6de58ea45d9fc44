UPDATE queue_hooks SET failures = ?4, next_try_at = ?5, last_at = ?6, last_error = ?7, failed = failed + 1
WHERE id = ?1 AND seq = ?2 AND task = ?3
