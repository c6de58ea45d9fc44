INSERT INTO queue_dead_letters (hook, at, event, kind, body, error) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
