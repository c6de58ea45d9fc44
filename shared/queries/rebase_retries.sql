-- A retry waits for its longest backoff at most (?2 unless set). One that waits longer has its time
-- from a clock that was set back since, and waits that long from now (?1). What a person scheduled
-- has no reason and stays. This looks at every scheduled task, so it is for such a moment only.
UPDATE queue_tasks
SET run_at = ?1 + coalesce(options ->> '$.max_backoff_ms', ?2)
WHERE id IN (SELECT id FROM queue_tasks INDEXED BY queue_tasks_due WHERE state = 0 AND run_at > ?1)
  AND reason IS NOT NULL
  AND run_at > ?1 + coalesce(options ->> '$.max_backoff_ms', ?2)
