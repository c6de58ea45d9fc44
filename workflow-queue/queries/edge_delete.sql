DELETE FROM queue_dependencies WHERE task = ?1 AND dependent = ?2
