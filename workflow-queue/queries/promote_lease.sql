-- What still runs belongs to workers that are dead, or that never registered: these lose it when a
-- lease has passed.
UPDATE queue_tasks SET lease_until = ?1 WHERE state = 3
