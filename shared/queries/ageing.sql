UPDATE queue_queues SET ageing_ms = ?2 WHERE name = ?1 AND ageing_ms IS NOT ?2
