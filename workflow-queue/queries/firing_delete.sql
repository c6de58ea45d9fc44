DELETE FROM queue_firings WHERE schedule = ?1 AND slot = ?2
