-- A hold counts as one dependency, and no task has any other yet.
INSERT INTO queue_waiting (dependent, pending) SELECT task, 1 FROM queue_holds
