-- That event is the task's last.
UPDATE queue_tasks SET event = last_insert_rowid() WHERE id = ?1
