-- Whose file it is: no row or 0 is fast-queue's own.
SELECT engine FROM queue_file
