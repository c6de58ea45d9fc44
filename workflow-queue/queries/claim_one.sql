-- The next task of one handler queue, which must have no pause, no limit and no ageing, found and
-- taken in one statement, so that it can be a transaction of its own. RETURNING would make a table
-- for its answer; `queue_claimed` keeps the values for the program
-- (shared/src/sqlite/verbs/claim/one.rs), and its own value is its first argument. A task with a
-- limit key or a deadline is left to claim_next.sql.
UPDATE queue_tasks
SET state = 3, attempt = attempt + 1, crashes = crashes + 1, token = token + 1, worker = ?2,
    started_at = queue_claimed(?3, ?2, id, token, name, kind, payload, priority, attempt, options,
                               depends),
    lease_until = ?4
WHERE id = (
    SELECT id FROM queue_tasks INDEXED BY queue_tasks_claim
    WHERE state = 2
      AND queue = (SELECT id FROM queue_queues
                   WHERE id = ?1 AND limited = 0 AND paused_at IS NULL AND ageing_ms IS NULL)
    ORDER BY priority DESC, id
    LIMIT 1
) AND limit_key IS NULL AND deadline_at IS NULL
