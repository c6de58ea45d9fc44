INSERT INTO queue_dependencies (task, dependent, condition) VALUES (?1, ?2, ?3)
