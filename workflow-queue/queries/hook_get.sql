SELECT id, paused_at FROM queue_hooks WHERE name = ?1
