SELECT task FROM (SELECT task FROM queue_attempts WHERE state = 4
                  UNION ALL
                  SELECT task FROM queue_events WHERE kind = 1)
GROUP BY task HAVING count(*) > 1
