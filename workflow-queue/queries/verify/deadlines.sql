-- A task with a deadline also fails while it waits.
SELECT 'task ' || id || ' would miss its deadline waiting' FROM queue_tasks
WHERE state < 4 AND deadline_at IS NOT NULL AND (expires_at IS NULL OR expires_at > deadline_at)
