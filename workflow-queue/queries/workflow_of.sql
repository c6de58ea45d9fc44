SELECT coalesce(workflow, id) FROM queue_tasks WHERE id = ?1
