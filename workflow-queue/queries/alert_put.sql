-- A rule that changes begins quiet; one that stays as it is keeps its state.
INSERT INTO queue_alerts (name, kind, queue, over, clear, for_ms, keep_ms)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
ON CONFLICT (name) DO UPDATE SET
    kind = ?2, queue = ?3, over = ?4, clear = ?5, for_ms = ?6, keep_ms = ?7,
    phase = 0, since = 0, clear_since = NULL, value = NULL, revision = revision + 1
WHERE (kind, queue, over, clear, for_ms, keep_ms) IS NOT (?2, ?3, ?4, ?5, ?6, ?7)
