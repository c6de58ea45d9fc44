-- The next tasks of one handler queue, which must be open to fast-queue, and have neither a pause
-- nor ageing: looked up here, that costs no statement of its own. `state = 2` is a literal and the
-- index pinned, since an index added beside it can otherwise take the plan and sort every queued
-- task at each claim. Without a LIMIT: the reader stops, and a bound limit has SQLite prepare the
-- statement anew at each claim.
SELECT id, token, name, kind, payload, priority, attempt, options
FROM queue_tasks INDEXED BY queue_tasks_claim
WHERE state = 2
  AND queue = (SELECT id FROM queue_queues
               WHERE id = ?1 AND fast = 1 AND paused_at IS NULL AND ageing_ms IS NULL)
ORDER BY priority DESC, id
