INSERT INTO queue_schema (line, version, migrated_at) VALUES (?1, ?2, ?3)
ON CONFLICT (line) DO UPDATE SET version = excluded.version, migrated_at = excluded.migrated_at
