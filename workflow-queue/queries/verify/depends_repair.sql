UPDATE queue_tasks SET depends = 1 - depends
WHERE depends <> (id IN (SELECT dependent FROM queue_upstream))
