SELECT id, name, spec, action, revision, added_at, next_slot, next_at, last_slot, floor, paused_at,
       trouble, fired
FROM queue_schedules ORDER BY name
