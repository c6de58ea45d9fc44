-- Outputs of attempts up to ?2.
DELETE FROM queue_earlier_outputs WHERE task = ?1 AND attempt <= ?2
