-- Holds the task again, so that none starts that a person wanted to wait.
INSERT INTO queue_holds (task, held_at)
SELECT id, created_at FROM queue_tasks
WHERE state = 1 AND (SELECT engine FROM queue_file) < 2
  AND id NOT IN (SELECT task FROM queue_holds)
