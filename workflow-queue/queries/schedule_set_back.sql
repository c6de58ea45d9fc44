UPDATE queue_schedules
SET next_slot = ?2, next_at = CASE WHEN paused_at IS NULL AND trouble IS NULL THEN ?3 END,
    floor = min(floor, ?4), last_slot = min(last_slot, ?4)
WHERE id = ?1
