SELECT frames FROM queue_outputs WHERE task = ?1
