-- They begin after everything that there is now, folded or not.
UPDATE queue_folded SET revision = revision + 1,
    from_seq = (SELECT coalesce(max(seq), 0) FROM queue_events),
    from_task = (SELECT coalesce(max(id), 0) FROM queue_tasks)
