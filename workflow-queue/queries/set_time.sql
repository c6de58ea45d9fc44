-- Another time for a waiting task, and its new state. The time limits of a task that has not started
-- begin anew at ?4, as when it was enqueued; the others stand. See retry.sql about min().
UPDATE queue_tasks
SET run_at = ?2, state = ?3,
    expires_at = iif(started_at IS NULL,
                     ?4 + min(coalesce(start_within_ms, finish_within_ms),
                              coalesce(finish_within_ms, start_within_ms)),
                     expires_at),
    deadline_at = iif(started_at IS NULL, ?4 + finish_within_ms, deadline_at)
WHERE id = ?1
