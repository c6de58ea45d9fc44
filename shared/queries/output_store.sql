INSERT INTO queue_outputs (task, frames) VALUES (?1, ?2)
ON CONFLICT (task) DO UPDATE SET frames = excluded.frames
