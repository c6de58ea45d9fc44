-- $3: true if they are for this transaction alone. Plans: every hot statement finds its rows by key; a
-- planner that has not seen a table grow, or sees it bloated, prefers to read all of it.
SELECT
    set_config('search_path', $1, $3),
    set_config('synchronous_commit', $2, $3),
    set_config('plan_cache_mode', 'force_generic_plan', $3),
    set_config('enable_seqscan', 'off', $3),
    set_config('enable_bitmapscan', 'off', $3),
    set_config('enable_hashjoin', 'off', $3),
    set_config('enable_mergejoin', 'off', $3),
    set_config('lock_timeout', '10s', $3),
    set_config('idle_in_transaction_session_timeout', '60s', $3)
