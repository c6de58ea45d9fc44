-- What a decision about a running task needs, and what tells whose it is.
SELECT state, token, worker, attempt, crashes, cancel_requested_at, options, started_at,
       deadline_at, limit_key, lease_until, gate
FROM queue_tasks WHERE id = ?1
