-- Ageing for the rest of the queue too, so that low priorities come to run as a person wanted.
UPDATE queue_queues
SET ageing_ms = (SELECT max(ageing_ms) FROM queue_queues AS one WHERE one.name = queue_queues.name)
WHERE ageing_ms IS NOT (SELECT max(ageing_ms) FROM queue_queues AS one
                        WHERE one.name = queue_queues.name)
