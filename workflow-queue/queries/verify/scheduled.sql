-- Tasks of schedules that are gone, and unfinished ones that their schedule does not count as open.
SELECT 'task ' || scheduled.task || ' of schedule ' || scheduled.schedule ||
       CASE WHEN task.id IS NULL THEN ' is gone' ELSE ' is open and not counted' END
FROM queue_scheduled AS scheduled
LEFT JOIN queue_tasks AS task ON task.id = scheduled.task
LEFT JOIN queue_schedules AS schedule ON schedule.id = scheduled.schedule
WHERE task.id IS NULL OR (task.state < 4 AND scheduled.task < schedule.open_from)
