-- Queue ids to cache from the start. A file has a few, or too many to read at once.
SELECT id, name, handler FROM queue_queues ORDER BY id LIMIT 64
