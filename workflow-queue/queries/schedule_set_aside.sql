SELECT name, trouble FROM queue_schedules WHERE trouble IS NOT NULL ORDER BY name LIMIT ?1
