-- Only running tasks have leases.
SELECT 'task ' || id || ' in state ' || state || ' has a lease' FROM queue_tasks
WHERE lease_until IS NOT NULL AND state <> 3
