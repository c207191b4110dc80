-- A page of the files of a workflow: its stages' inputs in the order of stages and DIDs, then what no stage takes.
-- Called by models/queries/files.py. Index: files_input once per stage, files_output for the rest; each from where
-- the page before ended, so that the last page costs no more than the first.
-- moves: nothing
WITH last AS (
    SELECT stage.stage_id, file.did
    FROM files AS file
    LEFT JOIN stages AS stage USING (stage_id)
    WHERE file.file_id = %(after)s
),
part AS (
    SELECT stage.stage_number, stage.stage_id
    FROM stages AS stage
    WHERE stage.workflow_id = %(workflow_id)s AND (%(stage_id)s::int IS NULL OR stage.stage_number = %(stage_id)s)
      AND NOT EXISTS (SELECT FROM last WHERE last.stage_id IS NULL)
      AND stage.stage_number >= COALESCE((SELECT own.stage_number FROM last JOIN stages AS own USING (stage_id)), 0)
),
input AS (
    SELECT part.stage_number, found.*
    FROM part
    CROSS JOIN LATERAL (
        SELECT file.*
        FROM files AS file
        WHERE file.stage_id = part.stage_id AND file.state <> 'dropped'
          AND file.did > COALESCE((SELECT last.did FROM last WHERE last.stage_id = part.stage_id), '')
          AND (%(state)s::text IS NULL OR file.state = %(state)s)
          AND (%(did)s::text IS NULL OR file.did = %(did)s)
        ORDER BY file.did
        LIMIT %(limit)s
    ) AS found
),
output AS (
    SELECT NULL::int AS stage_number, file.*
    FROM files AS file
    WHERE %(stage_id)s::int IS NULL
      AND file.workflow_id = %(workflow_id)s AND file.creator_job_id IS NOT NULL AND file.stage_id IS NULL
      AND file.state <> 'dropped'
      AND file.did > COALESCE((SELECT last.did FROM last WHERE last.stage_id IS NULL), '')
      AND (%(state)s::text IS NULL OR file.state = %(state)s)
      AND (%(did)s::text IS NULL OR file.did = %(did)s)
    ORDER BY file.did
    LIMIT %(limit)s
)
SELECT file.file_id, file.workflow_id, file.stage_number, file.did, file.state, file.allocations,
       holder.jobsub_id, creator.jobsub_id, file.size_bytes, file.adler32, scratch.url
FROM (SELECT * FROM input UNION ALL SELECT * FROM output) AS file
LEFT JOIN jobs AS holder ON holder.job_id = file.job_id
LEFT JOIN jobs AS creator ON creator.job_id = file.creator_job_id
LEFT JOIN scratch_files AS scratch ON scratch.file_id = file.file_id
ORDER BY file.stage_number NULLS LAST, file.did
LIMIT %(limit)s
