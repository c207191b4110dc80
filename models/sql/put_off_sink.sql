-- Try a sink again after a pause that doubles.
-- Called by models/sinks.py. Index: event_sinks_pkey.
-- moves: nothing
UPDATE event_sinks
SET attempts = attempts + 1, last_error = %(error)s,
    next_attempt_at = clock_timestamp() + make_interval(secs =>
        least(%(last_seconds)s::float8, %(first_seconds)s::float8 * 2 ^ least(attempts, 30)))
WHERE name = %(name)s
