SELECT state, limit_key, worker, cancel_requested_at,
       EXISTS (SELECT 1 FROM queue_holds WHERE task = id), unmet, run_at
FROM queue_tasks WHERE id = ?1
