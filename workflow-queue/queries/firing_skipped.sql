-- Recorded ranges of slots that meet a range. They do not overlap, so that of those that begin before it,
-- only the last one can reach it.
SELECT slot, until, at, reason, task FROM queue_firings
WHERE schedule = ?1 AND slot BETWEEN ?2 AND ?3 AND outcome = 1
UNION ALL
SELECT slot, until, at, reason, task FROM (
    SELECT slot, until, at, outcome, reason, task FROM queue_firings
    WHERE schedule = ?1 AND slot < ?2 ORDER BY slot DESC LIMIT 1
) WHERE outcome = 1 AND until >= ?2
