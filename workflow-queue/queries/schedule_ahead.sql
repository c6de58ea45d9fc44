-- Schedules that a clock far ahead moved into what is now the future.
SELECT id, name, spec
FROM queue_schedules WHERE floor > ?1 OR last_slot > ?1
