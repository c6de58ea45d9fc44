SELECT min(next_at) FROM queue_schedules INDEXED BY queue_schedules_due WHERE next_at IS NOT NULL
