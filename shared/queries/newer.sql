-- The lines in the file that are newer than the oldest of those the program knows: none, unless
-- somebody migrated the file since it was opened.
SELECT line, version FROM queue_schema WHERE version > ?1
