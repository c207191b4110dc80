-- Make counters as inputs of a stage: they lie beside every site from the beginning.
-- Called by finding.add_monte_carlo. Index: files_input.
-- moves: file, (new) -> unallocated
WITH stage AS (
    SELECT stage.stage_id, workflow.workflow_id, workflow.campaign_id, storage.storage_id
    FROM stages AS stage
    JOIN workflows AS workflow USING (workflow_id)
    JOIN storages AS storage ON storage.name = %(storage)s
    WHERE stage.stage_id = %(stage_id)s
),
added AS (
    INSERT INTO files (workflow_id, stage_id, did, state, allocations)
    SELECT stage.workflow_id, stage.stage_id,
           format('monte-carlo-%%s-%%s', lpad(stage.workflow_id::text, greatest(6, length(stage.workflow_id::text)), '0'),
                  lpad(number::text, greatest(6, length(number::text)), '0')),
           'unallocated', 0
    FROM stage, generate_series(%(first)s::bigint, %(last)s::bigint) AS number
    ORDER BY number
    ON CONFLICT (stage_id, did) WHERE stage_id IS NOT NULL AND state <> 'dropped' DO NOTHING
    RETURNING file_id, did, spread
),
placed AS (
    INSERT INTO replicas (file_id, storage_id, wan_pfn)
    SELECT added.file_id, stage.storage_id, split_part(added.did, '-', 4)
    FROM added, stage
),
queued AS (
    INSERT INTO waiting_replicas (stage_id, storage_id, spread, file_id)
    SELECT stage.stage_id, stage.storage_id, added.spread, added.file_id
    FROM added, stage
    ORDER BY added.spread
),
logged AS (
    INSERT INTO events (event_type, actor, workflow_id, campaign_id, stage_id, file_id)
    SELECT event_type, %(actor)s::text, stage.workflow_id, stage.campaign_id, stage.stage_id, added.file_id
    FROM added, stage, (VALUES ('file_added'), ('file_located')) AS told (event_type)
    ORDER BY added.file_id, event_type
)
SELECT count(*) FROM added
