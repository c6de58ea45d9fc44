-- Only a claim that still holds extends its lease, and no lease is shortened.
UPDATE queue_tasks SET lease_until = max(coalesce(lease_until, ?4), ?4)
WHERE id = ?1 AND state = 3 AND token = ?2 AND worker = ?3
