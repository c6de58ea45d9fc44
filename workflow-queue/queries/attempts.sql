SELECT token, attempt, worker, started_at, finished_at, state, exit_code, signal, reason, message,
       tail
FROM queue_attempts WHERE task = ?1 ORDER BY token
