SELECT slot, until, at, outcome, reason, task FROM queue_firings
WHERE schedule = ?1 AND outcome = ?2 ORDER BY slot DESC LIMIT 1
