-- From its next claim on, the worker gives the task the outputs of its dependencies.
UPDATE queue_tasks SET depends = 1 WHERE id = ?1 AND depends = 0
