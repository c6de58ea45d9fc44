-- From about ten tasks on, one statement beats a loop of single ones.
UPDATE queue_tasks
SET state = 3, attempt = attempt + 1, crashes = crashes + 1, token = token + 1,
    worker = ?2, started_at = ?3
WHERE id IN (
    SELECT id FROM queue_tasks INDEXED BY queue_tasks_claim
    WHERE queue = ?1 AND state = 2
    ORDER BY priority DESC, id
    LIMIT ?4
)
RETURNING id, token, name, kind, payload, priority, attempt, options;
