-- Changes nothing if somebody else has judged the alert, or set it anew, since it was read.
UPDATE queue_alerts
SET phase = ?3, since = ?4, clear_since = ?5, value = ?6, revision = revision + 1
WHERE name = ?1 AND revision = ?2
