-- From here on fast-queue takes nothing on; what it holds it may still end. A file that is further
-- stays so.
UPDATE queue_file SET engine = 1 WHERE engine = 0
