-- What the server must know of the job that calls, and whether the call's nonce is new.
-- Called by models/calls.py at the beginning of every call of a job. Index: jobs_jobsub_id_key.
-- Where it locks, the job's row stays locked to the end of the transaction, so that calls of one job, and the agents
-- that end it, come one after the other; the state is the one after that wait. The nonce is kept if the call commits.
-- moves: nothing
WITH nonce AS (
    INSERT INTO request_nonces (nonce)
    SELECT %(nonce)s::text FROM jobs WHERE jobsub_id = %(jobsub_id)s AND %(nonce)s::text IS NOT NULL
    ON CONFLICT DO NOTHING
    RETURNING 1
)
SELECT job.job_id, job.jobsub_id, job.state, job.state_message, job.secret, job.jobscript_secret,
       EXISTS (SELECT FROM nonce) AS nonce_is_new,
       job.workflow_id, job.stage_id, job.site_id, job.quota_id, job.asked_for_files, job.jobscript_exit,
       job.is_probe
FROM jobs AS job
WHERE job.jobsub_id = %(jobsub_id)s
/* lock */
