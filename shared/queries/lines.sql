SELECT line, version FROM queue_schema ORDER BY line
