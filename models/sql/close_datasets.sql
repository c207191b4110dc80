-- Keep that datasets are closed, and log it the first time.
-- Called by datasets.closed. Index: datasets_pkey.
-- moves: nothing
WITH open AS (
    SELECT dataset_id
    FROM datasets
    WHERE dataset_id = ANY(%(dataset_ids)s::int[]) AND closed_at IS NULL
    ORDER BY dataset_id
    FOR NO KEY UPDATE
),
closed AS (
    UPDATE datasets AS dataset
    SET closed_at = clock_timestamp()
    FROM open
    WHERE dataset.dataset_id = open.dataset_id
    RETURNING dataset.*
),
logged AS (
    INSERT INTO events (event_type, actor, workflow_id, campaign_id, stage_id, storage_id, details)
    SELECT 'dataset_closed', %(actor)s::text, closed.workflow_id, workflow.campaign_id, closed.stage_id,
           closed.storage_id, jsonb_build_object('did', closed.scope || ':' || closed.name, 'files', closed.files)
    FROM closed
    JOIN workflows AS workflow USING (workflow_id)
    ORDER BY closed.dataset_id
)
SELECT dataset_id FROM closed ORDER BY dataset_id
