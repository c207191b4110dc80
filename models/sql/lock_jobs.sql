-- Lock those of the jobs that are in some states: whatever touches a job's files begins with this.
-- Called by models/results.py and models/outbox.py. Index: jobs_pkey.
-- moves: nothing
SELECT job_id
FROM jobs
WHERE job_id = ANY(%(job_ids)s::bigint[]) AND state = ANY(%(states)s::text[])
ORDER BY job_id
FOR NO KEY UPDATE
