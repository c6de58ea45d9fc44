-- From here on fast-queue claims and adds nothing, and may still settle its tasks. A file in a later
-- state keeps it.
UPDATE queue_file SET engine = 1 WHERE engine = 0
