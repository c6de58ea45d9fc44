-- Ranges that did not fire end now at the latest: the clock had been ahead.
UPDATE queue_firings SET until = max(slot, ?2) WHERE schedule = ?1 AND until > ?2 AND outcome = 1
