-- Tasks of a schedule that have not ended.
SELECT task.id, task.state, task.attempt
FROM queue_scheduled AS scheduled INDEXED BY queue_scheduled_schedule
JOIN queue_tasks AS task ON task.id = scheduled.task
WHERE scheduled.schedule = ?1 AND scheduled.task >= ?2 AND task.state < 4
ORDER BY scheduled.task
