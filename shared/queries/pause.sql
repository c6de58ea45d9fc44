UPDATE queue_queues SET paused_at = ?2 WHERE name = ?1 AND paused_at IS NULL
