-- Running tasks of each handler queue, and its tasks among the first ?1 scheduled ones.
SELECT q.name, q.handler, sum(found.running), sum(found.scheduled)
FROM (
    SELECT queue, count(*) AS running, 0 AS scheduled
    FROM queue_tasks INDEXED BY queue_tasks_running
    WHERE state = 3 GROUP BY queue
    UNION ALL
    SELECT queue, 0, count(*)
    FROM (SELECT queue FROM queue_tasks INDEXED BY queue_tasks_due WHERE state = 0 LIMIT ?1)
    GROUP BY queue
) AS found
CROSS JOIN queue_queues AS q ON q.id = found.queue
GROUP BY q.id
