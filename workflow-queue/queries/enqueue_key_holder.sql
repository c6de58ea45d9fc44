-- Who holds a key, and for how long.
SELECT id, state, key_scope, key_until FROM queue_tasks WHERE key = ?1
