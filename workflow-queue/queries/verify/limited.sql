-- The lanes of a queue with a limit, and no others, have their claims look at it.
SELECT 'queue ' || q.name || ' is ' || iif(q.limited, '', 'not ') || 'marked as limited'
FROM queue_queues AS q
WHERE q.limited <> EXISTS (SELECT 1 FROM queue_limits
                           WHERE kind = 0 AND name = CAST(q.name AS BLOB))
