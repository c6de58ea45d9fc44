-- The number of tasks that were enqueued since the sums of all time began, up to the position of the
-- sums: the stored ones, and those that were pruned (kind 50). NULL if the log since then is not whole
-- (kind 61), or if tasks of before may have been pruned.
SELECT CASE WHEN (SELECT min(seq) FROM queue_events) <= f.from_seq + 1
             AND NOT EXISTS (SELECT 1 FROM queue_events WHERE kind = 61 AND seq > f.from_seq)
             AND (f.from_task = 0
                  OR NOT EXISTS (SELECT 1 FROM queue_events WHERE kind = 50 AND seq > f.from_seq))
       THEN (SELECT count(*) FROM queue_tasks WHERE id > f.from_task AND id <= f.task)
          + (SELECT coalesce(sum(pruned.value), 0)
             FROM queue_events AS e, json_each(e.data, '$.states') AS pruned
             WHERE e.kind = 50 AND e.seq > f.from_seq)
       END
FROM queue_folded AS f
