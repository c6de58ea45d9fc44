DELETE FROM queue_firings WHERE schedule = ?1
