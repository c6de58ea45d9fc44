-- The event that was just written is the last of its task.
UPDATE queue_tasks SET event = last_insert_rowid() WHERE id = ?1
