-- The outcome of a task fits its state: reason 8 is cancel, 9 dependency.
SELECT 'task ' || id || ' in state ' || state || ' has reason ' || coalesce(reason, 'none')
FROM queue_tasks
WHERE reason NOT BETWEEN 1 AND 11
   OR (state = 4 AND (reason IS NOT NULL OR exit_code IS NOT 0))
   OR (state = 5 AND (reason IS NULL OR reason IN (8, 9)))
   OR (state = 6 AND reason IS NOT 8)
   OR (state = 7 AND reason IS NOT 9)
