UPDATE queue_file SET epoch = ?1
