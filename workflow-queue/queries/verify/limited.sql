-- A queue is marked as limited exactly if it has a limit, so that its claims look at it.
SELECT 'queue ' || q.name || ' is ' || iif(q.limited, '', 'not ') || 'marked as limited'
FROM queue_queues AS q
WHERE q.limited <> EXISTS (SELECT 1 FROM queue_limits
                           WHERE kind = 0 AND name = CAST(q.name AS BLOB))
