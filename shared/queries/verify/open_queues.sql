-- A queue is open to fast-queue exactly if the file is.
SELECT 'queue ' || name || ' is ' || iif(fast, 'open', 'closed') || ' to fast-queue'
FROM queue_queues
WHERE fast <> coalesce((SELECT engine = 0 FROM queue_file), 0)
