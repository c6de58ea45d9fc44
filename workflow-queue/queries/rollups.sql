SELECT r.start, coalesce(q.name, ''), r.sums
FROM queue_rollups AS r LEFT JOIN queue_queues AS q ON q.id = r.queue
WHERE r.span = ?1 AND r.start >= ?2 ORDER BY r.start, r.queue
