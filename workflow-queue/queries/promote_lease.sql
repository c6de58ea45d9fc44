-- Running tasks belong to workers that are dead or never registered; they lose them when a lease has
-- passed.
UPDATE queue_tasks SET lease_until = ?1 WHERE state = 3
