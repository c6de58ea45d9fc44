-- Schedules that a clock far ahead moved into what is now the future.
SELECT id, name, spec, next_slot, next_at FROM queue_schedules INDEXED BY queue_schedules_ahead
WHERE max(floor, coalesce(last_slot, 0)) > ?1
