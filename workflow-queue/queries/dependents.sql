SELECT dependent, condition FROM queue_dependencies WHERE task = ?1
