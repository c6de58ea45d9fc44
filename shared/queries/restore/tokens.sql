-- No later claim repeats a token of an earlier epoch. A succeeded task is never claimed again.
UPDATE queue_tasks SET token = max(token, ?1) WHERE state <> 4
