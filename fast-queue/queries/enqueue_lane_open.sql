-- Whether fast-queue may write to a lane.
SELECT fast FROM queue_queues WHERE id = ?1
