-- Ended jobs that the pool may still hold, oldest first.
-- Called by watching.jobs_left_in_pool. Index: jobs_left_in_pool.
-- moves: nothing
SELECT job_id, jobsub_id, state
FROM jobs
WHERE in_pool AND finished_at IS NOT NULL
ORDER BY job_id
LIMIT %(limit)s
