SELECT count(*) FROM queue_hooks
