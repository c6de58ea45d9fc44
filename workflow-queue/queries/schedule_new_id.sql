-- An id that no schedule and no task of a removed schedule has.
SELECT 1 + max((SELECT coalesce(max(id), 0) FROM queue_schedules),
               (SELECT coalesce(max(schedule), 0)
                FROM queue_scheduled INDEXED BY queue_scheduled_schedule))
