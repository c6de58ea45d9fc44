-- One pass over the table, as counting all of it is: an index of blocked tasks would cost every
-- workflow two writes a task.
SELECT count(*) FROM queue_tasks WHERE state = 1
