-- The jobs of some schedds that have not ended, by key, and how long each has been in its state at most.
-- Called by watching.live_jobs. Index: jobs_alive.
-- moves: nothing
SELECT job_id, jobsub_id, state,
       extract(epoch FROM clock_timestamp() - COALESCE(heartbeat_at, started_at, submitted_at))::float8
FROM jobs
WHERE state IN ('submitted', 'started', 'processing', 'outputting') AND job_id > %(after)s
  AND substr(jobsub_id, strpos(jobsub_id || '@', '@') + 1) = ANY(%(schedds)s::text[])
ORDER BY job_id
LIMIT %(limit)s
