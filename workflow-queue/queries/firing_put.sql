-- Leaves a slot alone that has fired.
INSERT INTO queue_firings (schedule, slot, until, at, outcome, reason, task)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
ON CONFLICT (schedule, slot) DO NOTHING
