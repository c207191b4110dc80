-- Make the found files that are new inputs of a stage, and log each.
-- Called by finding.add_files after a COPY into found_files. Index: files_input.
-- moves: file, (new) -> finding
WITH added AS (
    INSERT INTO files (workflow_id, stage_id, did, size_bytes, state, allocations)
    SELECT stage.workflow_id, stage.stage_id, found.did, found.size_bytes, 'finding', 0
    FROM found_files AS found
    JOIN stages AS stage ON stage.stage_id = %(stage_id)s
    -- In order, so that two of these that find the same files do not wait for each other.
    ORDER BY found.did COLLATE "C"
    ON CONFLICT (stage_id, did) WHERE stage_id IS NOT NULL AND state <> 'dropped' DO NOTHING
    RETURNING file_id
),
logged AS (
    INSERT INTO events (event_type, actor, workflow_id, campaign_id, stage_id, file_id)
    SELECT 'file_added', %(actor)s::text, workflow.workflow_id, workflow.campaign_id, stage.stage_id, added.file_id
    FROM added
    JOIN stages AS stage ON stage.stage_id = %(stage_id)s
    JOIN workflows AS workflow ON workflow.workflow_id = stage.workflow_id
    ORDER BY added.file_id
)
SELECT count(*) FROM added
