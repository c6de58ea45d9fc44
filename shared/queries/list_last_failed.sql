-- Ids of the tasks that failed last, of all queues or of the one named ?3, among the ?2 newest of all that
-- failed: the index has no times.
SELECT id
FROM (SELECT id, finished_at, queue
      FROM queue_tasks INDEXED BY queue_tasks_unsuccessful
      WHERE state >= 5 AND state = 5
      ORDER BY id DESC
      LIMIT ?2)
WHERE ?3 IS NULL OR queue IN (SELECT id FROM queue_queues WHERE name = ?3)
ORDER BY finished_at DESC, id DESC
LIMIT ?1
