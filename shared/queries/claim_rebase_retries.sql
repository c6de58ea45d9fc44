-- The longest wait of a retry is its attempt's backoff, as in shared/src/backoff.rs but without jitter:
-- ?3, or its own, doubled for every attempt before this one, at most its longest backoff (?2 unless
-- set). A retry that waits longer has its time from a clock that was set back since, and now waits that
-- long from ?1. Twenty doublings of the
-- longest backoff still fit the integer. Tasks that a person scheduled have no reason and stay. This
-- reads every scheduled task, so it runs only after a clock was set back.
UPDATE queue_tasks
SET run_at = ?1 + min(coalesce(options ->> '$.max_backoff_ms', ?2),
                      coalesce(options ->> '$.backoff_ms', ?3) << max(0, min(attempt - 1
                          - coalesce((SELECT attempts FROM queue_retried WHERE task = id), 0), 20)))
WHERE id IN (SELECT id FROM queue_tasks INDEXED BY queue_tasks_due WHERE state = 0 AND run_at > ?1)
  AND reason IS NOT NULL
  AND run_at > ?1 + min(coalesce(options ->> '$.max_backoff_ms', ?2),
                        coalesce(options ->> '$.backoff_ms', ?3) << max(0, min(attempt - 1
                            - coalesce((SELECT attempts FROM queue_retried WHERE task = id), 0), 20)))
