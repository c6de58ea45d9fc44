-- The next task of one lane, which must be neither paused nor limited: looked up here, the lane
-- costs no statement of its own. `state = 2` is a literal and the index pinned, since an index added
-- beside it can otherwise take the plan and sort every queued task at each claim.
UPDATE queue_tasks
SET state = 3, attempt = attempt + 1, crashes = crashes + 1, token = token + 1,
    worker = ?2, started_at = ?3, lease_until = ?4
WHERE id = (SELECT id FROM queue_tasks INDEXED BY queue_tasks_claim
            WHERE state = 2
              AND queue = (SELECT id FROM queue_queues
                           WHERE id = ?1 AND limited = 0 AND paused_at IS NULL)
            ORDER BY priority DESC, id LIMIT 1)
RETURNING id, token, name, kind, payload, priority, attempt, options, deadline_at, limit_key
