-- The columns that a decision about a running task needs, those that identify its claim, and those that
-- its event repeats.
SELECT state, token, worker, attempt, crashes, cancel_requested_at, options, started_at,
       deadline_at, limit_key, lease_until, gate,
       iif(attempt > 1, coalesce((SELECT attempts FROM queue_retried WHERE task = id), 0), 0),
       event, queue, coalesce(run_at, created_at)
FROM queue_tasks WHERE id = ?1
