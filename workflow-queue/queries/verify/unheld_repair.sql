-- The count of what it waits for is repaired after that.
UPDATE queue_tasks SET unmet = 1
WHERE state = 1 AND unmet = 0 AND id IN (SELECT task FROM queue_holds)
