-- Lines in the file that are newer than the oldest one that the program knows: none, unless another
-- program migrated the file since it was opened.
SELECT line, version FROM queue_schema WHERE version > ?1
