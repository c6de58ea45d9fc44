UPDATE queue_schedules SET floor = max(floor, ?2) WHERE id = ?1
