-- A queue is paused for all its handlers or for none.
SELECT 'queue ' || name || ' is paused in ' || count(paused_at) || ' of ' || count(*)
       || ' handler queues'
FROM queue_queues
GROUP BY name HAVING count(paused_at) NOT IN (0, count(*))
