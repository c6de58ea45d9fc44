-- A held task waits as for one more dependency, so that nothing admits it.
SELECT 'task ' || h.task || ' is held and could be admitted'
FROM queue_holds AS h JOIN queue_tasks AS t ON t.id = h.task
WHERE t.state = 1 AND t.unmet = 0
