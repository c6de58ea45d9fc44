-- The numbers of the retained events have no gap.
SELECT 'events ' || (before + 1) || ' to ' || (seq - 1) || ' are missing'
FROM (SELECT seq, lag(seq) OVER (ORDER BY seq) AS before FROM queue_events)
WHERE seq > before + 1
