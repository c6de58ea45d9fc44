-- As enqueue.sql, with the check of the queue id in the same statement, so that it can be a
-- transaction of its own. Inserts nothing if the queue is closed to fast-queue (the id is NULL then) or
-- the key is taken; the ordinary enqueue then finds out which. Not INSERT … SELECT: that costs half
-- as much again as VALUES.
INSERT OR IGNORE INTO queue_tasks (queue, state, priority, kind, created_at, run_at, name, payload,
                                   options, key)
VALUES ((SELECT id FROM queue_queues WHERE id = ?1 AND fast = 1),
        ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
