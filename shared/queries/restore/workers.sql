-- Every worker that was registered or holds a claim.
SELECT id FROM queue_workers
UNION
SELECT worker FROM queue_tasks INDEXED BY queue_tasks_running WHERE state = 3
