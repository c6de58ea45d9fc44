DELETE FROM queue_schedules WHERE id = ?1
