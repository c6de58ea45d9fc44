-- The id of the ended task that has ?2 newer ones; ?1 a bit per state.
SELECT id FROM queue_tasks
WHERE (1 << state) & ?1 <> 0
ORDER BY id DESC LIMIT 1 OFFSET ?2
