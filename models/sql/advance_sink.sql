-- Keep that a sink has all events up to one; nothing when it is not where its publisher believes.
-- Called by models/sinks.py. Index: event_sinks_pkey.
-- moves: nothing
UPDATE event_sinks
SET event_id = %(to)s, attempts = 0, last_error = '', published_at = clock_timestamp()
WHERE name = %(name)s AND event_id = %(was)s
RETURNING event_id
