-- Id of the file, which stays when it is moved or restored.
SELECT file_id FROM queue_file
