-- The common end of a task, if it is still this claim's. The crash that the claim counted ahead is
-- given back.
UPDATE queue_tasks
SET state = 4, crashes = max(crashes - 1, 0), finished_at = ?4, exit_code = 0,
    signal = NULL, reason = NULL, message = NULL
WHERE id = ?1 AND state = 3 AND token = ?2 AND worker = ?3
