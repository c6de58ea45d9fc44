-- Sets the lowest id of a schedule's tasks that may not have ended, unless it is lower.
UPDATE queue_schedules SET open_from = min(open_from, ?2) WHERE id = ?1
