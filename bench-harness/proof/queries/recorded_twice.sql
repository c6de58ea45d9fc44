SELECT task FROM queue_attempts WHERE state = 4 GROUP BY task HAVING count(*) > 1
