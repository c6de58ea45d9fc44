SELECT min(seq) FROM queue_hooks
