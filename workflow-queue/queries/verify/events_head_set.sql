-- The last event of tasks whose state was just recorded, the events after ?1.
UPDATE queue_tasks SET event = e.seq
FROM (SELECT seq, task FROM queue_events WHERE seq > ?1) AS e
WHERE queue_tasks.id = e.task
