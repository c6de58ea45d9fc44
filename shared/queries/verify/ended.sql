-- Exactly the ended tasks have an end, and a request to end a task does not outlive its run.
SELECT 'task ' || id || ' in state ' || state
       || iif(state < 4, ' waits or runs, and has an end or is cancelled', ' has no end')
FROM queue_tasks
WHERE (state BETWEEN 4 AND 7) <> (finished_at IS NOT NULL)
   OR (state < 3 AND cancel_requested_at IS NOT NULL)
