DELETE FROM queue_firings WHERE schedule = ?1 AND slot < ?2 AND until < ?2 RETURNING until
