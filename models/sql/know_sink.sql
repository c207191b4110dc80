-- See that a sink is known; a new one is told of everything from the first event that is still there.
-- Called by models/sinks.py. Index: event_sinks_pkey.
-- moves: nothing
INSERT INTO event_sinks (name, event_id, attempts, last_error)
VALUES (%(name)s, 0, 0, '')
ON CONFLICT (name) DO NOTHING
