-- The holder of a key, and how long it is held.
SELECT id, state, key_scope, key_until FROM queue_tasks WHERE key = ?1
