-- Ranges of slots that did not fire and that meet a range; only the last one before it can reach into
-- it, as ranges do not overlap.
SELECT slot, until, at, reason, task FROM queue_firings
WHERE schedule = ?1 AND slot <= ?3 AND until >= ?2 AND outcome = 1
