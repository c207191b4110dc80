-- Delete a batch of the events that an archived workflow's object holds.
-- Called by emptying.empty. Index: events_workflow.
-- moves: nothing
WITH batch AS MATERIALIZED (
    SELECT event.event_id FROM events AS event
    WHERE event.workflow_id = %(workflow_id)s::int AND event.event_id <= %(last_event_id)s::bigint
    ORDER BY event.event_id
    LIMIT %(limit)s
)
DELETE FROM events AS event USING batch
WHERE event.event_id = batch.event_id AND event.workflow_id = %(workflow_id)s::int
RETURNING event.event_id
