-- An event that is about no task.
INSERT INTO queue_events (at, kind, worker, data) VALUES (?1, ?2, ?3, ?4)
