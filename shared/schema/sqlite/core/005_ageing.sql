-- Ageing: queues in which waiting counts as priority.

-- Time of waiting that counts as much as one step of priority; NULL in a queue that goes by priority
-- alone. Claims read it with the row they look up anyway.
ALTER TABLE queue_queues ADD COLUMN ageing_ms INTEGER CHECK (ageing_ms > 0);
