DELETE FROM queue_dead_letters WHERE id = ?2 AND hook = ?1
