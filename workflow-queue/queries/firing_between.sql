-- Slots of a range that fired before.
SELECT slot FROM queue_firings
WHERE schedule = ?1 AND slot BETWEEN ?2 AND ?3 AND outcome = 0 ORDER BY slot
