SELECT id FROM queue_queues WHERE name = ?1 AND handler = ?2;
