-- Version and state of the server.
SELECT
    current_setting('server_version_num')::int4,
    pg_is_in_recovery(),
    current_setting('default_transaction_read_only')::boolean
