DELETE FROM queue_dependencies WHERE task = ?1
