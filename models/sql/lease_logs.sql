-- Take logs that are to be told to the catalogues for a while, those due longest first.
-- Called by log_archives.lease. Index: log_archives_due, log_archives_pkey, jobs_pkey.
-- moves: nothing
WITH due AS MATERIALIZED (
    SELECT job_id
    FROM log_archives
    WHERE state = 'waiting' AND next_attempt_at <= clock_timestamp()
      AND (leased_until IS NULL OR leased_until <= clock_timestamp())
    ORDER BY next_attempt_at, job_id
    LIMIT %(limit)s
    -- What another agent is about to take is passed over.
    FOR NO KEY UPDATE SKIP LOCKED
),
leased AS (
    UPDATE log_archives AS archive
    SET leased_until = clock_timestamp() + make_interval(secs => %(seconds)s), attempts = archive.attempts + 1
    FROM due
    WHERE archive.job_id = due.job_id
    RETURNING archive.*
)
SELECT leased.job_id, leased.did, leased.size_bytes, leased.adler32, leased.storage_id, storage.name, leased.pfn,
       leased.period, leased.attempts, job.jobsub_id, job.workflow_id, stage.stage_number, site.name, "user".name,
       job.hostname, job.state, job.jobscript_exit
FROM leased
JOIN storages AS storage ON storage.storage_id = leased.storage_id
JOIN jobs AS job ON job.job_id = leased.job_id
LEFT JOIN stages AS stage ON stage.stage_id = job.stage_id
LEFT JOIN workflows AS workflow ON workflow.workflow_id = job.workflow_id
LEFT JOIN users AS "user" ON "user".user_id = workflow.user_id
LEFT JOIN sites AS site ON site.site_id = job.site_id
ORDER BY leased.job_id
