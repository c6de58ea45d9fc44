-- The new epoch, as an event of kind 52.
INSERT INTO queue_events (at, kind, data) VALUES (?1, 52, json_object('epoch', ?2))
