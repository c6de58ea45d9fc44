SELECT held_at FROM queue_holds WHERE task = ?1
