-- The result of a dead letter that was delivered again: no reason if it was taken.
UPDATE queue_hooks SET last_at = ?2, last_error = ?3, delivered = delivered + (?3 IS NULL),
       failed = failed + (?3 IS NOT NULL)
WHERE id = ?1
