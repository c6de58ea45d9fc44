-- Of our own tables; those beside them are somebody else's.
SELECT 'row ' || coalesce(rowid, '?') || ' of ' || "table" || ' names a row of ' || parent
       || ' that is not there'
FROM pragma_foreign_key_check WHERE "table" LIKE 'queue\_%' ESCAPE '\'
