SELECT name, kind, queue, over, clear, for_ms, keep_ms, phase, since, clear_since, value, revision
FROM queue_alerts ORDER BY name
