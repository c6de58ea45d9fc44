-- Attempts belong to stored tasks and carry tokens that those gave out; no number is missing.
SELECT 'attempt ' || a.attempt || ' of task ' || a.task || ' under token ' || a.token
       || iif(t.id IS NULL, ': there is no such task',
              iif(a.token > t.token, ': there is no such claim', ' does not follow the one before'))
FROM (SELECT task, token, attempt,
             lag(attempt) OVER (PARTITION BY task ORDER BY token) AS before
      FROM queue_attempts) AS a
LEFT JOIN queue_tasks AS t ON t.id = a.task
WHERE t.id IS NULL OR a.token > t.token OR a.token < 1 OR a.attempt < 1
   OR a.attempt > a.before + 1
