SELECT task, dependent, condition FROM queue_dependencies
