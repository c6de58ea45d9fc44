-- 1 if fast-queue may write to a queue id.
SELECT fast FROM queue_queues WHERE id = ?1
