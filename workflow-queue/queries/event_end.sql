-- The end of an execution: the task ran before (state 3). `prev` is 0 for the first event of a task that is
-- older than the log, and NULL for the first event of any other task.
INSERT INTO queue_events (at, kind, task, prev, queue, token, attempt, worker, was, state, ready_at,
                          since, exit_code, signal, reason, cpu_us, rss_kb, message, tail)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 3, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)
