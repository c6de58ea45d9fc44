DELETE FROM queue_alerts WHERE name = ?1
