-- Events that say that others are missing, of kind 61; of very many, the first million.
WITH RECURSIVE gaps (seq, until, at) AS (
    SELECT before + 1, seq - 1, at
    FROM (SELECT seq, at, lag(seq) OVER (ORDER BY seq) AS before FROM queue_events)
    WHERE seq > before + 1
    UNION ALL
    SELECT seq + 1, until, at FROM gaps WHERE seq < until
    LIMIT 1000000
)
INSERT INTO queue_events (seq, at, kind) SELECT seq, at, 61 FROM gaps
