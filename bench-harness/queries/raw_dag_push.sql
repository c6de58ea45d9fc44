INSERT INTO queue_tasks (id, queue, state, priority, kind, created_at, name, payload)
VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6, ?7);
