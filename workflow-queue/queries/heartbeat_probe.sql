-- Changes the row that heartbeat.sql would change: run with 1 and then with -1, it leaves the row
-- as it was.
UPDATE queue_tasks SET lease_until = lease_until + ?4
WHERE id = ?1 AND state = 3 AND token = ?2 AND worker = ?3
