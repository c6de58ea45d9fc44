-- Slots with two tasks, unless a backfill was told to repeat them: the record names the first.
SELECT 'slot ' || firing.slot || ' of schedule ' || firing.schedule || ' names task ' || firing.task ||
       ', which is of another slot'
FROM queue_firings AS firing JOIN queue_scheduled AS scheduled ON scheduled.task = firing.task
WHERE firing.outcome = 0
  AND (scheduled.schedule <> firing.schedule OR scheduled.slot IS NOT firing.slot)
