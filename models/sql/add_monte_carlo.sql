-- Make counters as inputs of a stage: they lie beside every site from the beginning.
-- Called by finding.add_monte_carlo, which has made sure of their placement. Index: files_input.
-- moves: file, (new) -> unallocated
WITH stage AS (
    SELECT stage.stage_id, workflow.workflow_id, workflow.campaign_id
    FROM stages AS stage
    JOIN workflows AS workflow USING (workflow_id)
    WHERE stage.stage_id = %(stage_id)s
),
added AS (
    INSERT INTO files (workflow_id, stage_id, did, state, placement_id, allocations)
    SELECT stage.workflow_id, stage.stage_id,
           format('monte-carlo-%%s-%%s', lpad(stage.workflow_id::text, greatest(6, length(stage.workflow_id::text)), '0'),
                  lpad(number::text, greatest(6, length(number::text)), '0')),
           'unallocated', %(placement_id)s, 0
    FROM stage, generate_series(%(first)s::bigint, %(last)s::bigint) AS number
    ORDER BY number
    ON CONFLICT (stage_id, did) WHERE stage_id IS NOT NULL AND state <> 'dropped' DO NOTHING
    RETURNING file_id, did
),
placed AS (
    INSERT INTO replicas (file_id, storage_id, wan_pfn)
    SELECT file_id, %(storage_id)s, split_part(did, '-', 4)
    FROM added
),
logged AS (
    INSERT INTO events (event_type, actor, workflow_id, campaign_id, stage_id, file_id)
    SELECT event_type, %(actor)s::text, stage.workflow_id, stage.campaign_id, stage.stage_id, added.file_id
    FROM added, stage, (VALUES ('file_added'), ('file_located')) AS told (event_type)
    ORDER BY added.file_id, event_type
)
SELECT count(*) FROM added
