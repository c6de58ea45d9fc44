-- Schedules whose next slot has come; a bounded number, so that ten thousand of them hold nobody up.
SELECT id, name, spec, action, next_slot, floor, fired, open_from
FROM queue_schedules INDEXED BY queue_schedules_due
WHERE next_at IS NOT NULL AND next_at <= ?1
ORDER BY next_at LIMIT 100
