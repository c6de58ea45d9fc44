-- Whether anybody who may still read its output waits for a task or runs after it.
SELECT EXISTS (SELECT 1 FROM queue_dependencies AS d
               CROSS JOIN queue_tasks AS t ON t.id = d.dependent
               WHERE d.task = ?1 AND t.state < 4)
