-- How far a sink has been told, and whether it is to be tried now.
-- Called by models/sinks.py. Index: event_sinks_pkey.
-- moves: nothing
SELECT event_id, next_attempt_at <= clock_timestamp() FROM event_sinks WHERE name = %(name)s
