DELETE FROM queue_rollups WHERE span = 0
