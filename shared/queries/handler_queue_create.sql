-- A queue is paused, and has its ageing, for all its handlers, also for those that come later. In a
-- promoted file every queue is closed to fast-queue.
INSERT INTO queue_queues (name, handler, fast, paused_at, ageing_ms)
VALUES (?1, ?2,
        NOT EXISTS (SELECT 1 FROM queue_file WHERE engine <> 0),
        (SELECT max(paused_at) FROM queue_queues WHERE name = ?1),
        (SELECT max(ageing_ms) FROM queue_queues WHERE name = ?1))
RETURNING id, fast, paused_at
