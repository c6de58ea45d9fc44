-- Events of a range of the log, the newest first: of the kinds in a JSON list and of a queue, unless
-- those are NULL. An event about a queue itself names it in its data.
SELECT e.seq, e.at, e.kind, e.task, q.name, e.token, e.attempt, e.worker, e.was, e.state, e.ready_at,
       e.since, e.exit_code, e.signal, e.reason, e.cpu_us, e.rss_kb, e.message, e.tail, e.data
FROM queue_events AS e LEFT JOIN queue_queues AS q ON q.id = e.queue
WHERE e.seq > ?1 AND e.seq <= ?2
  AND (?3 IS NULL OR e.kind IN (SELECT value FROM json_each(?3)))
  AND (?4 IS NULL OR q.name = ?4
       OR (e.task IS NULL AND iif(json_valid(e.data), e.data ->> '$.queue', NULL) = ?4))
ORDER BY e.seq DESC
LIMIT ?5
