-- Make a job that was just kept a probe, with what it is to try.
-- Called by models/probes.py after demand.insert_jobs. Index: jobs_jobsub_id_key.
-- moves: nothing
WITH made AS (
    UPDATE jobs SET is_probe = true WHERE jobsub_id = %(jobsub_id)s RETURNING job_id
)
INSERT INTO probe_jobs (job_id, site_id, gpu_entry, trials)
SELECT made.job_id, %(site_id)s, %(gpu_entry)s, %(trials)s::jsonb
FROM made
