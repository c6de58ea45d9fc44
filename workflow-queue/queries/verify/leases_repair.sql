UPDATE queue_tasks SET lease_until = NULL WHERE lease_until IS NOT NULL AND state <> 3
