UPDATE queue_schedules SET floor = max(floor, ?1)
