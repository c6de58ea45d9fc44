UPDATE queue_schedules SET
    next_slot = next_slot + (next_slot - last_slot),
    next_at = next_at + (next_slot - last_slot)
WHERE next_at IS NOT NULL AND last_slot IS NOT NULL
