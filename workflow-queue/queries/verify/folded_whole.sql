-- 1 if every event that is in the sums of all time is still in the log, and none was lost (kind 61).
SELECT coalesce((SELECT min(seq) FROM queue_events) <= from_seq + 1, 0)
       AND NOT EXISTS (SELECT 1 FROM queue_events WHERE kind = 61 AND seq > from_seq)
FROM queue_folded
