-- Where the tasks of a range of ids stand.
SELECT id, state FROM queue_tasks WHERE id BETWEEN ?1 AND ?2 ORDER BY id
