SELECT name, value FROM queue_settings
