-- Held tasks wait as for a dependency, so that nothing admits them.
UPDATE queue_tasks SET unmet = 1 WHERE id IN (SELECT task FROM queue_holds)
