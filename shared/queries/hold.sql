-- A task that is held already keeps the time of its hold.
INSERT INTO queue_holds (task, held_at) VALUES (?1, ?2) ON CONFLICT (task) DO NOTHING
