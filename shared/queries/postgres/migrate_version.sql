-- The last step taken.
SELECT coalesce(max(version), 0)::int4 FROM queue_schema
