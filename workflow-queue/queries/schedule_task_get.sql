-- The schedule that enqueued a task.
SELECT schedule.name, scheduled.slot
FROM queue_scheduled AS scheduled JOIN queue_schedules AS schedule ON schedule.id = scheduled.schedule
WHERE scheduled.task = ?1
