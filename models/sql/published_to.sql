-- The event up to which all of the named sinks have been told; one that is not known yet has been told nothing.
-- Called by models/sinks.py. Index: event_sinks_pkey.
-- moves: nothing
SELECT min(coalesce(sink.event_id, 0))
FROM unnest(%(names)s::text[]) AS wanted (name)
LEFT JOIN event_sinks AS sink ON sink.name = wanted.name
