-- A queue has the same ageing in all its handler queues.
SELECT 'queue ' || name || ' has ' || count(DISTINCT coalesce(ageing_ms, 0))
       || ' different settings of ageing in its handler queues'
FROM queue_queues
GROUP BY name HAVING count(DISTINCT coalesce(ageing_ms, 0)) > 1
