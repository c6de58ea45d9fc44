INSERT INTO raw_waiting (dependent, pending) VALUES (?1, ?2);
