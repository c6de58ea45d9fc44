-- Tasks of slots without a record, unless it was pruned or a backfill repeated the slot.
SELECT 'task ' || scheduled.task || ' of slot ' || scheduled.slot || ' has no record'
FROM queue_scheduled AS scheduled JOIN queue_schedules AS schedule ON schedule.id = scheduled.schedule
WHERE scheduled.slot IS NOT NULL AND scheduled.slot > schedule.floor
  AND NOT EXISTS (SELECT 1 FROM queue_firings AS firing
                  WHERE firing.schedule = scheduled.schedule AND firing.slot = scheduled.slot
                    AND firing.outcome = 0)
