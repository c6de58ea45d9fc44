DELETE FROM queue_firings
WHERE outcome = 0 AND slot = (SELECT last_slot FROM queue_schedules WHERE id = schedule)
