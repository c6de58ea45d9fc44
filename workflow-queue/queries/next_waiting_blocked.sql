-- Tasks that wait for dependencies, the oldest first.
SELECT dependent FROM queue_waiting ORDER BY dependent LIMIT ?1
