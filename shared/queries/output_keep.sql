-- Moves the output of an earlier attempt aside, before that of attempt ?2 replaces it. A hand-back with
-- the same number is no earlier attempt. Output without a number is from the attempt before.
INSERT OR REPLACE INTO queue_earlier_outputs (task, attempt, frames)
SELECT task, iif(attempt > 0, attempt, ?2 - 1), frames
FROM queue_outputs
WHERE task = ?1 AND iif(attempt > 0, attempt, ?2 - 1) BETWEEN 1 AND ?2 - 1
