INSERT INTO raw_dependencies (task, dependent) VALUES (?1, ?2);
