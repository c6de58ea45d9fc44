UPDATE queue_limits SET full_at = ?2 WHERE id = ?1
