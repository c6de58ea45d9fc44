UPDATE queue_hooks SET seq = ?4, task = ?5 WHERE id = ?1 AND seq = ?2 AND task = ?3
