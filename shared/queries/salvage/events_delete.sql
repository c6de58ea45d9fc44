DELETE FROM queue_events
