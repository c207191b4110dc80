-- Ended jobs that the pool may still hold and whose logs may be asked for now, by key.
-- Called by watching.jobs_left_in_pool. Index: jobs_left_in_pool.
-- moves: nothing
SELECT job_id, jobsub_id, state, log_tries, extract(epoch FROM clock_timestamp() - finished_at)::float8
FROM jobs
WHERE in_pool AND finished_at IS NOT NULL AND (logs_due_at IS NULL OR logs_due_at <= clock_timestamp())
  AND job_id > %(after)s
ORDER BY job_id
LIMIT %(limit)s
