INSERT INTO queue_attempts (task, token, attempt, worker, started_at, finished_at, state, exit_code,
                            signal, reason, message, tail)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
