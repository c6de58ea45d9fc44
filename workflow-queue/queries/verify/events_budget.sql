-- The counters of a task are those of its events: crashes (reason 7) since its last retry (kind 10), and
-- attempts unless it was retried. A cancel, and a deadline (reason 11), may have ended either. Only of
-- tasks that do not run, whose first event is retained and has none before it, not even one that is older
-- than the log (0), and whose events were not repaired (kind 19).
WITH totals AS (
    SELECT e.task, min(coalesce(e.prev, -1)) AS first, max(e.reason = 11) AS by_deadline,
           max(e.kind = 10) AS retried, max(e.kind = 19) AS repaired,
           count(*) FILTER (WHERE e.reason = 7 AND e.seq > coalesce(r.seq, 0)) AS crashes,
           count(*) FILTER (WHERE e.since IS NOT NULL AND e.kind IN (1, 2, 5)
                                  AND e.reason IS NOT 7) AS attempts
    FROM queue_events AS e
    LEFT JOIN (SELECT task, max(seq) AS seq FROM queue_events WHERE kind = 10 GROUP BY task) AS r
           ON r.task = e.task
    WHERE e.task IS NOT NULL GROUP BY e.task
)
SELECT 'task ' || t.id || ' has had ' || t.attempt || ' attempts and ' || t.crashes
       || ' crashes, and its events tell of ' || totals.attempts || ' and ' || totals.crashes
FROM totals JOIN queue_tasks AS t ON t.id = totals.task
WHERE totals.first = -1 AND NOT totals.repaired AND t.state NOT IN (3, 6) AND totals.by_deadline IS NOT 1
  AND (t.crashes <> totals.crashes OR (NOT totals.retried AND t.attempt <> totals.attempts))
