-- Who has to end in time fails while it waits, too.
SELECT 'task ' || id || ' would miss its deadline waiting' FROM queue_tasks
WHERE state < 4 AND deadline_at IS NOT NULL AND (expires_at IS NULL OR expires_at > deadline_at)
