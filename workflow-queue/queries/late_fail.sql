UPDATE queue_tasks SET state = 5, unmet = 0, reason = ?2, finished_at = ?3 WHERE id = ?1 AND state < 3
