-- Jobs that have been queued for too long, by key.
-- Called by watching.unstarted_jobs. Index: jobs_alive.
-- moves: nothing
SELECT job_id, jobsub_id
FROM jobs
WHERE state = 'submitted' AND submitted_at < clock_timestamp() - make_interval(secs => %(seconds)s)
  AND job_id > %(after)s
ORDER BY job_id
LIMIT %(limit)s
