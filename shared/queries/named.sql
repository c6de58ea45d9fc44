-- Tasks of exactly that name, the newest first; every task is looked at.
SELECT id FROM queue_tasks NOT INDEXED WHERE name = ?1 ORDER BY id DESC LIMIT ?2
