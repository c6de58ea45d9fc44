-- A queue is paused in all its lanes or in none.
SELECT 'queue ' || name || ' is paused in ' || count(paused_at) || ' of ' || count(*) || ' lanes'
FROM queue_queues
GROUP BY name HAVING count(paused_at) NOT IN (0, count(*))
