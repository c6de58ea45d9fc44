INSERT INTO queue_schedules (id, name, spec, action, added_at, next_slot, next_at, floor)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?5)
