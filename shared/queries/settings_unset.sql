DELETE FROM queue_settings WHERE name = ?1
