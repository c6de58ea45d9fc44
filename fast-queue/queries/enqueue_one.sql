-- As enqueue.sql, with the look at the lane in the same statement, so that it can be a transaction
-- of its own. Nothing is inserted where the lane is closed to fast-queue or the key is taken; the
-- ordinary enqueue then finds out which.
INSERT INTO queue_tasks (queue, state, priority, kind, created_at, run_at, name, payload, options,
                         key)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10
WHERE (SELECT fast FROM queue_queues WHERE id = ?1) = 1
ON CONFLICT (key) WHERE key IS NOT NULL DO NOTHING
