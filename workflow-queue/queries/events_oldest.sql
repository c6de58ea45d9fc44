-- The oldest events, each with 1 if its task has not ended, and the task. The last event of all stays, so that
-- its number is not given out again.
SELECT e.seq, e.at, coalesce(t.state < 4, 0), e.task
FROM queue_events AS e LEFT JOIN queue_tasks AS t ON t.id = e.task
WHERE e.seq < (SELECT max(seq) FROM queue_events)
ORDER BY e.seq LIMIT ?1
