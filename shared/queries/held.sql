-- No row: the claim is lost. NULL: it is held. A time: a person asked for its end.
SELECT cancel_requested_at
FROM queue_tasks
WHERE id = ?1 AND state = 3 AND token = ?2 AND worker = ?3
