-- The oldest of so many firings that are kept.
SELECT slot FROM queue_firings WHERE schedule = ?1 ORDER BY slot DESC LIMIT 1 OFFSET ?2
