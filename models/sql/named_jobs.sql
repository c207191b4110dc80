-- Those of some jobs that have not ended, and how long each has been in its state at most.
-- Called by watching.named_jobs. Index: jobs_jobsub_id_key.
-- moves: nothing
SELECT job_id, jobsub_id, state,
       extract(epoch FROM clock_timestamp() - COALESCE(heartbeat_at, started_at, submitted_at))::float8
FROM jobs
WHERE jobsub_id = ANY(%(jobsub_ids)s::text[]) AND state IN ('submitted', 'started', 'processing', 'outputting')
ORDER BY job_id
