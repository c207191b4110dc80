-- Keep that a dataset exists and is open, and log it the first time.
-- Called by datasets.remember. Index: datasets_did.
-- moves: nothing
WITH made AS (
    INSERT INTO datasets (scope, name, kind, workflow_id, stage_id, output_id, storage_id, number, files)
    VALUES (%(scope)s, %(name)s, %(kind)s, %(workflow_id)s, %(stage_id)s, %(output_id)s, %(storage_id)s, %(number)s, 0)
    ON CONFLICT (scope, name) DO NOTHING
    RETURNING *
),
-- A user's retry brings a workflow back whose datasets were closed already.
reopened AS (
    UPDATE datasets SET closed_at = NULL WHERE scope = %(scope)s AND name = %(name)s AND closed_at IS NOT NULL
)
INSERT INTO events (event_type, actor, workflow_id, campaign_id, stage_id, storage_id, details)
SELECT 'dataset_created', %(actor)s::text, made.workflow_id, workflow.campaign_id, made.stage_id, made.storage_id,
       jsonb_build_object('did', made.scope || ':' || made.name)
FROM made
JOIN workflows AS workflow USING (workflow_id)
RETURNING event_id
