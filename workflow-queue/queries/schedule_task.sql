INSERT INTO queue_scheduled (task, schedule, slot) VALUES (?1, ?2, ?3)
