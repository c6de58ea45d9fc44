-- From its next claim on its worker hands it the outputs of what it depends on.
UPDATE queue_tasks SET depends = 1 WHERE id = ?1 AND depends = 0
