-- Engine of the file: no row or 0 is fast-queue.
SELECT engine FROM queue_file
