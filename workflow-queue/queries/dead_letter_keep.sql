UPDATE queue_dead_letters SET wanted = 0, at = ?3, error = ?4 WHERE id = ?2 AND hook = ?1
