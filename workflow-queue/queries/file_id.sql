SELECT file_id FROM queue_file
