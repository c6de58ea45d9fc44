-- Ranges that meet the next one, and firings of schedules that are gone or never reached them.
SELECT 'the firing of schedule ' || firing.schedule || ' at ' || firing.slot || ' ' ||
       CASE WHEN schedule.id IS NULL THEN 'has no schedule' ELSE 'meets the next one' END
FROM queue_firings AS firing
LEFT JOIN queue_schedules AS schedule ON schedule.id = firing.schedule
WHERE schedule.id IS NULL
   OR EXISTS (SELECT 1 FROM queue_firings AS next
              WHERE next.schedule = firing.schedule AND next.slot > firing.slot
                AND next.slot <= firing.until)
