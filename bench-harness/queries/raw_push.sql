INSERT INTO queue_tasks (queue, state, priority, kind, created_at, name, payload)
VALUES (?1, 2, ?2, 0, ?3, ?4, ?5);
