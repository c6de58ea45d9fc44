-- Queues that were lost get names that say so. They are paused, so that their tasks wait for somebody
-- to look at them.
INSERT OR IGNORE INTO queue_queues (id, name, handler, fast, paused_at)
SELECT DISTINCT queue, 'lost-' || queue, iif(kind = 2, 'lost', ''),
       (SELECT engine = 0 FROM queue_file), unixepoch() * 1000
FROM queue_tasks WHERE queue NOT IN (SELECT id FROM queue_queues)
