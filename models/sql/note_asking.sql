-- Jobs ask for their first file: they are no longer among those that will.
-- Called by matching.note_asking, once per job. Index: jobs_pkey, stage_loads_pkey.
-- moves: nothing
WITH asking AS (
    SELECT job.job_id
    FROM jobs AS job
    WHERE job.job_id = ANY(%(job_ids)s::bigint[]) AND NOT job.asked_for_files
    ORDER BY job.job_id
    FOR NO KEY UPDATE
),
noted AS (
    UPDATE jobs AS job SET asked_for_files = true
    FROM asking
    WHERE job.job_id = asking.job_id
    RETURNING job.stage_id
),
counted AS (
    SELECT stage_id, count(*) AS jobs FROM noted GROUP BY stage_id
),
loads AS (
    SELECT load.stage_id
    FROM stage_loads AS load
    WHERE load.stage_id IN (SELECT stage_id FROM counted)
    ORDER BY load.stage_id
    FOR NO KEY UPDATE
)
UPDATE stage_loads AS load
SET unasked_jobs = load.unasked_jobs - counted.jobs
FROM loads
JOIN counted USING (stage_id)
WHERE load.stage_id = loads.stage_id
