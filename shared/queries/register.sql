-- The lowest free position (column `place`): 0, or the one after a taken one that has no neighbour. A
-- repeated registration keeps its position.
INSERT INTO queue_workers (id, place, pid, boot_id, started_at, slots, serves)
VALUES (?1,
        CASE WHEN EXISTS (SELECT 1 FROM queue_workers WHERE place = 0)
             THEN (SELECT min(w.place) + 1 FROM queue_workers AS w
                   WHERE NOT EXISTS (SELECT 1 FROM queue_workers AS n WHERE n.place = w.place + 1))
             ELSE 0 END,
        ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (id) DO UPDATE
SET pid = excluded.pid, boot_id = excluded.boot_id, started_at = excluded.started_at,
    slots = excluded.slots, serves = excluded.serves
RETURNING place
