-- True if a dependent that waits or runs may still read the output of the task.
SELECT EXISTS (SELECT 1 FROM queue_dependencies AS d
               CROSS JOIN queue_tasks AS t ON t.id = d.dependent
               WHERE d.task = ?1 AND t.state < 4)
