-- Set events aside that a sink would not have, and log each the first time; but not those that tell of such.
-- Called by models/sinks.py. Index: refused_events_pkey.
-- moves: nothing
WITH refused AS (
    INSERT INTO refused_events (sink, event_id, reason, published)
    SELECT %(sink)s, new.event_id, new.reason, new.published
    FROM jsonb_to_recordset(%(refused)s) AS new (event_id bigint, reason text, published jsonb)
    ON CONFLICT (sink, event_id) DO NOTHING
    RETURNING *
)
INSERT INTO events (event_type, actor, workflow_id, details)
SELECT 'event_refused', 'publisher', (published ->> 'workflow_id')::int,
       jsonb_build_object('sink', sink, 'event_id', event_id, 'message', reason)
FROM refused
WHERE published ->> 'event_type' IS DISTINCT FROM 'event_refused'
ORDER BY event_id
RETURNING event_id
