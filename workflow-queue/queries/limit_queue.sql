UPDATE queue_queues SET limited = ?2 WHERE name = ?1
