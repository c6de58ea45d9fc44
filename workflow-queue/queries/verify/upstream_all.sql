SELECT dependent, tasks FROM queue_upstream
