UPDATE queue_hooks SET seq = ?2, task = ?3, failures = 0, next_try_at = NULL WHERE id = ?1
