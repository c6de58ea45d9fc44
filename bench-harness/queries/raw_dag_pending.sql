UPDATE raw_waiting SET pending = ?2 WHERE dependent = ?1;
