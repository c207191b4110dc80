-- Have the logs of jobs asked for later, each time after a longer pause, and return how often they were tried.
-- Called by watching.put_logs_off. Index: jobs_pkey.
-- moves: nothing
UPDATE jobs
SET log_tries = log_tries + %(tries)s,
    logs_due_at = clock_timestamp() + make_interval(secs => LEAST(%(seconds)s * 2 ^ log_tries, 3600))
WHERE job_id = ANY(%(job_ids)s::bigint[]) AND in_pool
RETURNING job_id, log_tries
