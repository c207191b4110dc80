-- The jobs that have been silent for too long.
-- Called by watching.stale_jobs. Index: jobs_alive.
-- moves: nothing
SELECT job_id, jobsub_id
FROM jobs
WHERE state IN ('started', 'processing', 'outputting')
  AND COALESCE(heartbeat_at, started_at, submitted_at) < clock_timestamp() - make_interval(secs => %(seconds)s)
ORDER BY job_id
LIMIT %(limit)s
