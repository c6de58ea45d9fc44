DELETE FROM queue_upstream WHERE dependent = ?1
