-- Tasks of a schedule, the newest first.
SELECT task FROM queue_scheduled INDEXED BY queue_scheduled_schedule
WHERE schedule = ?1 AND task < ?2
ORDER BY task DESC LIMIT ?3
