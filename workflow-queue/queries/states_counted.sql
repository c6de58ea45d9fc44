-- The number of tasks that wait, run, and ended in each state.
SELECT count(*) FILTER (WHERE state < 3), count(*) FILTER (WHERE state = 3),
       count(*) FILTER (WHERE state = 4), count(*) FILTER (WHERE state = 5),
       count(*) FILTER (WHERE state = 6), count(*) FILTER (WHERE state = 7)
FROM queue_tasks
