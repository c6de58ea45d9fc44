INSERT INTO queue_outputs (task, frames, attempt) VALUES (?1, ?2, ?3)
ON CONFLICT (task) DO UPDATE SET frames = excluded.frames, attempt = excluded.attempt
