-- The logs of a job, compressed.
-- Called by models/queries/jobs.py. Index: job_logs_pkey.
-- moves: nothing
SELECT log.kind, log.saved_at, log.size_bytes, log.content
FROM jobs AS job
JOIN job_logs AS log USING (job_id)
WHERE job.jobsub_id = %(jobsub_id)s
ORDER BY log.kind
