SELECT sums FROM queue_rollups WHERE span = ?1 AND start = ?2 AND queue = ?3
