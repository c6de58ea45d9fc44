-- Only the queue's own tables; the others belong to the caller.
SELECT 'row ' || coalesce(rowid, '?') || ' of ' || "table" || ' names a row of ' || parent
       || ' that is not there'
FROM pragma_foreign_key_check WHERE "table" LIKE 'queue\_%' ESCAPE '\'
