-- Tables of the caller's whose rows VACUUM may renumber: those with rowids that no column names. If
-- the primary key has an index, it is not the rowid.
SELECT name
FROM pragma_table_list AS found
WHERE schema = 'main'
  AND type IN ('table', 'shadow')
  AND wr = 0
  AND name NOT GLOB 'sqlite_*'
  AND name NOT GLOB 'queue_*'
  AND (NOT EXISTS (SELECT 1 FROM pragma_table_info(found.name) WHERE pk > 0)
       OR EXISTS (SELECT 1 FROM pragma_index_list(found.name) WHERE origin = 'pk'))
ORDER BY name
