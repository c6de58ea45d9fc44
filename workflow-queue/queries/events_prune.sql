DELETE FROM queue_events WHERE seq <= ?1
