DELETE FROM queue_attempts WHERE task = ?1
