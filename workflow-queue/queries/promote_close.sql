-- The lanes tell fast-queue within the statements of its claims and enqueues.
UPDATE queue_queues SET fast = 0 WHERE fast = 1
