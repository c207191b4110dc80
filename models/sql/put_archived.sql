-- Say that a workflow is archived, unless something has happened to it since its last event that the object holds.
-- Called by archives.put. Index: workflows_pkey, events_workflow.
-- moves: nothing
WITH done AS (
    INSERT INTO archived_workflows (workflow_id, name, description, user_id, campaign_id, scope, mql, state,
        state_message, priority, created_at, submitted_at, started_at, finished_at, refind_until, counts, location,
        sha256, size_bytes)
    SELECT workflow.workflow_id, workflow.name, workflow.description, workflow.user_id, workflow.campaign_id,
           workflow.scope, workflow.mql, workflow.state, workflow.state_message, workflow.priority,
           workflow.created_at, workflow.submitted_at, workflow.started_at, workflow.finished_at,
           workflow.refind_until, %(counts)s::jsonb, %(location)s::text, %(sha256)s::text, %(size_bytes)s::bigint
    FROM workflows AS workflow
    WHERE workflow.workflow_id = %(workflow_id)s::int AND workflow.state IN ('finished', 'failed')
      AND NOT EXISTS (SELECT FROM events AS event
                      WHERE event.workflow_id = workflow.workflow_id AND event.event_id > %(last_event_id)s::bigint)
    ON CONFLICT DO NOTHING
    RETURNING workflow_id, campaign_id, location
),
logged AS (
    INSERT INTO events (event_type, actor, workflow_id, campaign_id, details)
    SELECT 'workflow_archived', %(actor)s::text, done.workflow_id, done.campaign_id,
           jsonb_build_object('location', done.location)
    FROM done
)
SELECT workflow_id FROM done
