-- Tasks added by a running task are part of its workflow.
SELECT id FROM queue_tasks INDEXED BY queue_tasks_workflow
WHERE workflow = (SELECT coalesce(workflow, id) FROM queue_tasks WHERE id = ?1) AND spawner = ?1
ORDER BY id
