UPDATE queue_queues SET fast = 1 - fast
WHERE fast <> coalesce((SELECT engine = 0 FROM queue_file), 0)
