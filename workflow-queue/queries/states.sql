-- The states of the tasks in a range of ids.
SELECT id, state FROM queue_tasks WHERE id BETWEEN ?1 AND ?2 ORDER BY id
