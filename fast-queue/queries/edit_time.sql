-- A waiting task with a time ahead is scheduled; a held one stays blocked.
UPDATE queue_tasks SET run_at = ?2, state = iif(state = 1, 1, iif(?2 > ?3, 0, 2))
WHERE id = ?1 AND state IN (0, 1, 2)
