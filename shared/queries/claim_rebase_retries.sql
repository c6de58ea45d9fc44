-- A retry waits for as long as its attempt's backoff allows at most: ?3, or its own, doubled for every
-- attempt before this one, but not beyond its longest (?2 unless set). One that waits longer has its
-- time from a clock that was set back since, and waits that long from now (?1). Twenty doublings of
-- the longest backoff still fit the integer. What a person scheduled has no reason and stays. This
-- looks at every scheduled task, so it is for such a moment only.
UPDATE queue_tasks
SET run_at = ?1 + min(coalesce(options ->> '$.max_backoff_ms', ?2),
                      coalesce(options ->> '$.backoff_ms', ?3) << max(0, min(attempt - 1
                          - coalesce((SELECT attempts FROM queue_retried WHERE task = id), 0), 20)))
WHERE id IN (SELECT id FROM queue_tasks INDEXED BY queue_tasks_due WHERE state = 0 AND run_at > ?1)
  AND reason IS NOT NULL
  AND run_at > ?1 + min(coalesce(options ->> '$.max_backoff_ms', ?2),
                        coalesce(options ->> '$.backoff_ms', ?3) << max(0, min(attempt - 1
                            - coalesce((SELECT attempts FROM queue_retried WHERE task = id), 0), 20)))
