-- A queue is paused in all its lanes, also in those that come later; and in a file that was
-- promoted every lane is closed to fast-queue.
INSERT INTO queue_queues (name, handler, fast, paused_at)
VALUES (?1, ?2,
        NOT EXISTS (SELECT 1 FROM queue_file WHERE engine <> 0),
        (SELECT max(paused_at) FROM queue_queues WHERE name = ?1))
RETURNING id, fast, paused_at
