DELETE FROM queue_hooks WHERE id = ?1
