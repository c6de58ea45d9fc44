-- Output of one attempt. The last output of a program that stored no numbers is that of the last
-- attempt that has ended.
SELECT o.frames FROM queue_outputs AS o
CROSS JOIN queue_tasks AS t ON t.id = o.task
WHERE o.task = ?1 AND iif(o.attempt > 0, o.attempt, max(t.attempt - (t.state = 3), 1)) = ?2
UNION ALL
SELECT frames FROM queue_earlier_outputs WHERE task = ?1 AND attempt = ?2
