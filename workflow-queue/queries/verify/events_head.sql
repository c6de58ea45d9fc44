-- A task names its last event, which left it as it is: ended in that state, or not ended. Events of a
-- task that has not ended are retained. Older tasks than the log have none (0).
WITH last (task, seq) AS (
    SELECT task, max(seq) FROM queue_events WHERE task IS NOT NULL GROUP BY task
)
SELECT 'task ' || t.id || ' in state ' || t.state || ' names event ' || coalesce(t.event, 'none')
       || ' as its last', t.id
FROM queue_tasks AS t
LEFT JOIN last ON last.task = t.id
LEFT JOIN queue_events AS e ON e.seq = last.seq
WHERE CASE
    WHEN last.seq IS NOT NULL THEN
        t.event IS NOT last.seq OR iif(t.state < 4, e.state >= 4, e.state IS NOT t.state)
    WHEN t.event IS NULL THEN t.state >= 4
    ELSE t.event > 0 AND (t.state < 4 OR t.event >= (SELECT min(seq) FROM queue_events))
END
