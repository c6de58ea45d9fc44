-- Closes every queue to fast-queue, whose statements for claims and enqueues check this column.
UPDATE queue_queues SET fast = 0 WHERE fast = 1
