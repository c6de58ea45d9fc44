-- Firings of a schedule, the newest first.
SELECT slot, until, at, outcome, reason, task FROM queue_firings
WHERE schedule = ?1 AND slot < ?2 ORDER BY slot DESC LIMIT ?3
