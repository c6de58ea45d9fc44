DELETE FROM queue_rollups WHERE span = ?1 AND start < ?2
