UPDATE queue_schedules SET next_slot = last_slot, next_at = last_slot
WHERE next_at IS NOT NULL AND last_slot IS NOT NULL
