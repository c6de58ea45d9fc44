-- The number of the last event.
SELECT coalesce(max(seq), 0) FROM queue_events
