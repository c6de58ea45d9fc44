-- A task of a schedule is open again.
UPDATE queue_schedules SET open_from = ?1
WHERE id = (SELECT schedule FROM queue_scheduled WHERE task = ?1) AND open_from > ?1
