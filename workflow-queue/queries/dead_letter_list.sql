-- Dead letters of one hook, or of all.
SELECT d.id, h.name, d.at, d.event, d.kind, d.body, d.error, d.wanted
FROM queue_dead_letters AS d JOIN queue_hooks AS h ON h.id = d.hook
WHERE ?1 IS NULL OR h.name = ?1 ORDER BY d.id LIMIT ?2
