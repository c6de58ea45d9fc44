-- The recorded attempts of a file that is older than the log.
SELECT token, attempt, worker, started_at, finished_at, state, exit_code, signal, reason, message,
       tail
FROM queue_attempts WHERE task = ?1 ORDER BY token
