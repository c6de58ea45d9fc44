-- The task stays queued, in a handler queue that no worker serves, so that no claim meets it again.
UPDATE queue_tasks SET queue = ?2 WHERE id = ?1
