DELETE FROM queue_holds WHERE task = ?1
