SELECT state, limit_key, worker, cancel_requested_at,
       EXISTS (SELECT 1 FROM queue_holds WHERE task = id)
FROM queue_tasks WHERE id = ?1
