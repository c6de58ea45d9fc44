SELECT id, pid, boot_id, started_at, slots, serves FROM queue_workers ORDER BY place
