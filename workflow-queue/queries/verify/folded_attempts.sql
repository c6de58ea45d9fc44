-- The ended attempts that the sums of all time have, by kind, and 1 if it was a crash (reason 7).
SELECT e.kind, e.reason IS 7, count(*)
FROM queue_folded AS f JOIN queue_events AS e ON e.seq > f.from_seq AND e.seq <= f.seq
WHERE e.since IS NOT NULL GROUP BY 1, 2
