-- An event names the one before of its task, and begins with the state in which that left it. States
-- below 4 change into each other without an event. The first retained one may name a deleted event, and
-- one after a lost event (kind 61) begins anew.
SELECT 'event ' || seq || ' of task ' || task || ' does not follow event ' || coalesce(before, 'none')
FROM (SELECT seq, task, kind, prev, was, lag(seq) OVER of_task AS before,
             lag(state) OVER of_task AS became
      FROM queue_events WHERE task IS NOT NULL
      WINDOW of_task AS (PARTITION BY task ORDER BY seq)) AS e
WHERE iif(before IS NULL, prev >= (SELECT min(seq) FROM queue_events),
          prev IS NOT before OR iif(became < 4, was >= 4, was IS NOT became))
  AND NOT EXISTS (SELECT 1 FROM queue_events AS p WHERE p.seq = e.prev AND p.kind = 61)
