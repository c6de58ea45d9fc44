INSERT INTO queue_upstream (dependent, tasks) VALUES (?1, ?2)
ON CONFLICT (dependent) DO UPDATE SET tasks = excluded.tasks
