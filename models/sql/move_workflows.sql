-- Move the workflows that may become another state, log each move, and return those that moved.
-- Called by moves.move_workflows. Index: workflows_pkey.
-- moves: workflow, from the given sources to the given state, as WORKFLOW_MOVES has them
WITH allowed AS (
    SELECT unnest(%(sources)s::text[]) AS was, unnest(%(event_types)s::text[]) AS event_type
),
moving AS (
    SELECT w.workflow_id, w.state AS was
    FROM workflows w
    WHERE w.workflow_id = ANY(%(ids)s::bigint[]) AND w.state = ANY(%(sources)s::text[])
    ORDER BY w.workflow_id
    FOR NO KEY UPDATE
),
moved AS (
    UPDATE workflows w
    SET state = %(target)s::text,
        state_message = %(message)s::text,
        submitted_at = CASE WHEN %(target)s::text = 'submitted' THEN clock_timestamp() ELSE w.submitted_at END,
        started_at = CASE WHEN %(target)s::text = 'running' THEN clock_timestamp() ELSE w.started_at END,
        finished_at = CASE WHEN %(ends)s::boolean THEN clock_timestamp() ELSE w.finished_at END
    FROM moving m
    WHERE w.workflow_id = m.workflow_id
    RETURNING w.workflow_id, w.campaign_id, m.was
),
logged AS (
    INSERT INTO events (event_type, actor, source, workflow_id, campaign_id, seconds, details)
    SELECT a.event_type, %(actor)s::text, %(source)s::text, m.workflow_id, m.campaign_id, %(seconds)s::float8,
           -- What a person did is told with the old and the new.
           CASE WHEN %(source)s::text IS NULL THEN %(details)s::jsonb
                ELSE coalesce(%(details)s::jsonb, '{}') || jsonb_build_object('from', m.was, 'to', %(target)s::text) END
    FROM moved m
    JOIN allowed a ON a.was = m.was
    ORDER BY m.workflow_id
)
SELECT workflow_id FROM moved ORDER BY workflow_id
