-- Make the outputs that a job is about to upload, and log each; a name that the workflow has already is left out.
-- Called by results.record_outputs. Index: files_output.
-- moves: file, (new) -> recorded
WITH output AS (
    SELECT *
    FROM jsonb_to_recordset(%(outputs)s) AS output (
        did text, output_id int, stage_id int, size_bytes bigint, adler32 text, metadata jsonb, parents jsonb,
        targets jsonb)
),
made AS (
    INSERT INTO files (workflow_id, stage_id, did, state, allocations, creator_job_id, output_id, size_bytes, adler32)
    SELECT job.workflow_id, output.stage_id, output.did, 'recorded', 0, job.job_id, output.output_id, output.size_bytes,
           output.adler32
    FROM jobs AS job, output
    WHERE job.job_id = %(job_id)s
    -- In order, so that two jobs with the same names do not wait for each other.
    ORDER BY output.did
    ON CONFLICT DO NOTHING
    RETURNING file_id, did
),
said AS (
    INSERT INTO recorded_outputs (file_id, file_metadata, parents, targets)
    SELECT made.file_id, output.metadata, output.parents, output.targets
    FROM made
    JOIN output USING (did)
),
logged AS (
    INSERT INTO events (event_type, actor, workflow_id, campaign_id, stage_id, file_id, job_id, site_id, entry_name,
                        seconds, details)
    SELECT 'output_recorded', %(actor)s::text, job.workflow_id, workflow.campaign_id, job.stage_id, made.file_id,
           job.job_id, job.site_id, job.entry_name, %(seconds)s::float8, %(details)s::jsonb
    FROM made, jobs AS job
    JOIN workflows AS workflow USING (workflow_id)
    WHERE job.job_id = %(job_id)s
    ORDER BY made.file_id
)
SELECT did FROM made
