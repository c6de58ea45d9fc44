-- What is worth remembering from the start: a file has few lanes, or too many to be read at once.
SELECT id, name, handler FROM queue_queues ORDER BY id LIMIT 64
