-- Sets a schedule aside that this version or host cannot fire.
UPDATE queue_schedules SET next_at = NULL, trouble = ?2 WHERE id = ?1
