UPDATE queue_schedules
SET next_slot = ?2, next_at = ?3, last_slot = coalesce(?4, last_slot), fired = fired + ?5,
    open_from = ?6
WHERE id = ?1
