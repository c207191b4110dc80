-- A job asks for its first file: it is no longer among those that will.
-- Called by matching.claim_files, once per job. Index: jobs_pkey, stage_loads_pkey.
-- moves: nothing
WITH asking AS (
    UPDATE jobs SET asked_for_files = true
    WHERE job_id = %(job_id)s AND NOT asked_for_files
    RETURNING stage_id
)
UPDATE stage_loads AS load
SET unasked_jobs = load.unasked_jobs - 1
FROM asking
WHERE load.stage_id = asking.stage_id
