DELETE FROM queue_retried WHERE task = ?1
