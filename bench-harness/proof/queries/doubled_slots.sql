SELECT scheduled.slot FROM queue_scheduled AS scheduled
JOIN queue_schedules AS schedule ON schedule.id = scheduled.schedule
WHERE schedule.name = ?1 AND scheduled.slot IS NOT NULL
GROUP BY scheduled.slot HAVING count(*) > 1
