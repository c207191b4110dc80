-- Outputs lie where their job says: they become copies of files, to be told to the catalogues. Those in scratch space
-- are at no storage, and nobody is told of them.
-- Called by results.confirm_outputs. Index: files_made.
-- moves: file, recorded -> uploaded
-- moves: outbox, (new) -> waiting
WITH place AS (
    SELECT *
    FROM jsonb_to_recordset(%(places)s) AS place (file_id bigint, storage_id int, pfn text, seconds float8)
),
lying AS MATERIALIZED (
    SELECT file.file_id
    FROM files AS file
    WHERE file.creator_job_id = %(job_id)s AND file.state = 'recorded'
      AND file.file_id IN (SELECT place.file_id FROM place)
    ORDER BY file.file_id
    FOR NO KEY UPDATE
),
moved AS (
    UPDATE files AS file
    SET state = 'uploaded'
    FROM lying
    WHERE file.file_id = lying.file_id
    RETURNING file.file_id, file.workflow_id
),
placed AS (
    INSERT INTO replicas (file_id, storage_id, wan_pfn)
    SELECT place.file_id, place.storage_id, place.pfn
    FROM moved
    JOIN place USING (file_id)
    WHERE place.storage_id IS NOT NULL
),
scratched AS (
    INSERT INTO scratch_files (file_id, url)
    SELECT place.file_id, place.pfn
    FROM moved
    JOIN place USING (file_id)
    WHERE place.storage_id IS NULL
),
said AS (
    DELETE FROM recorded_outputs AS said
    USING lying
    WHERE said.file_id = lying.file_id
    RETURNING said.*
),
posted AS (
    INSERT INTO outbox (file_id, job_id, workflow_id, state, storage_id, pfn, file_metadata, parents, attempts, last_error)
    SELECT moved.file_id, %(job_id)s, moved.workflow_id, 'waiting', place.storage_id, place.pfn, said.file_metadata,
           said.parents, 0, ''
    FROM moved
    JOIN place USING (file_id)
    JOIN said USING (file_id)
    WHERE place.storage_id IS NOT NULL
    ORDER BY moved.file_id
),
logged AS (
    INSERT INTO events (event_type, actor, workflow_id, campaign_id, stage_id, file_id, job_id, site_id, entry_name,
                        storage_id, seconds, details)
    SELECT 'output_uploaded', %(actor)s::text, moved.workflow_id, workflow.campaign_id, job.stage_id, moved.file_id,
           job.job_id, job.site_id, job.entry_name, place.storage_id, place.seconds, %(details)s::jsonb
    FROM moved
    JOIN place USING (file_id)
    JOIN workflows AS workflow USING (workflow_id)
    JOIN jobs AS job ON job.job_id = %(job_id)s
    ORDER BY moved.file_id
)
SELECT file_id FROM moved ORDER BY file_id
