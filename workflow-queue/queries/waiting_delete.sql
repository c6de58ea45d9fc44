DELETE FROM queue_waiting WHERE dependent = ?1
