-- A backup does not know which slots fired since. None of them fires again by itself.
INSERT INTO queue_firings (schedule, slot, until, at, outcome, reason)
SELECT id, next_slot, ?1, ?1, 1, 4 FROM queue_schedules
WHERE next_at IS NOT NULL AND next_slot <= ?1
