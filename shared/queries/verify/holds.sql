-- Held tasks are blocked: a hold ends with its release, or with the end of the task.
SELECT 'task ' || h.task || iif(t.id IS NULL, ' is held and not there',
                                ' is held in state ' || t.state)
FROM queue_holds AS h LEFT JOIN queue_tasks AS t ON t.id = h.task
WHERE t.state IS NOT 1
