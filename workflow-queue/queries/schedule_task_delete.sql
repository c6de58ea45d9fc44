DELETE FROM queue_scheduled WHERE task = ?1
