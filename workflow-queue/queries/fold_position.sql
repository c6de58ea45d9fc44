SELECT revision, seq, task, from_seq, from_task FROM queue_folded
