UPDATE queue_schedules
SET spec = ?2, action = ?3, revision = revision + 1, next_slot = ?4, next_at = CASE WHEN ?7 IS NULL THEN ?5 END, floor = ?6,
    paused_at = ?7, trouble = NULL
WHERE id = ?1
