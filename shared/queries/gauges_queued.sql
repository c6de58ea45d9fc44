-- The queued tasks of a handler queue, up to a bound.
SELECT count(*) FROM (SELECT 1 FROM queue_tasks INDEXED BY queue_tasks_claim
                      WHERE state = 2 AND queue = ?1 LIMIT ?2)
