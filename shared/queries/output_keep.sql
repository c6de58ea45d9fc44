-- Moves aside what an earlier attempt wrote, before attempt ?2 takes its place. A hand-back of the
-- same number is no earlier attempt. What has no number was stored by the one before.
INSERT OR REPLACE INTO queue_earlier_outputs (task, attempt, frames)
SELECT task, iif(attempt > 0, attempt, ?2 - 1), frames
FROM queue_outputs
WHERE task = ?1 AND iif(attempt > 0, attempt, ?2 - 1) BETWEEN 1 AND ?2 - 1
