SELECT id FROM queue_queues WHERE name = 'default' AND handler = '';
