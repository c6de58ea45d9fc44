-- Attempts carry tokens that their tasks gave out, and no number is missing. Those from before the log
-- belong to stored tasks; those in the log outlive theirs. Kinds 7 and 8 are no attempts.
WITH attempts (task, token, attempt, logged) AS (
    SELECT task, token, attempt, 0 FROM queue_attempts
    UNION ALL
    SELECT task, token, attempt, 1 FROM queue_events WHERE since IS NOT NULL AND kind NOT IN (7, 8)
)
SELECT 'attempt ' || a.attempt || ' of task ' || a.task || ' under token ' || a.token
       || iif(t.id IS NULL, ': there is no such task',
              iif(a.token > t.token, ': there is no such claim', ' does not follow the one before'))
FROM (SELECT task, token, attempt, logged,
             lag(attempt) OVER (PARTITION BY task ORDER BY token) AS before
      FROM attempts) AS a
LEFT JOIN queue_tasks AS t ON t.id = a.task
WHERE (t.id IS NULL AND NOT a.logged) OR a.token > t.token OR a.token < 1 OR a.attempt < 1
   OR a.attempt > a.before + 1
