-- The catalogues know the logs of jobs, or never will; log that.
-- Called by log_archives.end. Index: log_archives_pkey.
-- moves: logs, waiting -> done
-- moves: logs, waiting -> refused
WITH waiting AS MATERIALIZED (
    SELECT job_id
    FROM log_archives
    WHERE job_id = ANY(%(job_ids)s::bigint[]) AND state = 'waiting'
    ORDER BY job_id
    FOR NO KEY UPDATE
),
ended AS (
    UPDATE log_archives AS archive
    SET state = %(target)s, last_error = %(message)s::text, leased_until = NULL, done_at = clock_timestamp()
    FROM waiting
    WHERE archive.job_id = waiting.job_id
    RETURNING archive.job_id, archive.did, archive.storage_id
),
logged AS (
    INSERT INTO events (event_type, actor, workflow_id, campaign_id, stage_id, job_id, jobscript_exit, site_id,
                        entry_name, storage_id, details)
    SELECT %(event_type)s::text, %(actor)s::text, job.workflow_id, workflow.campaign_id, job.stage_id, job.job_id,
           job.jobscript_exit, job.site_id, job.entry_name, ended.storage_id,
           jsonb_strip_nulls(jsonb_build_object('did', ended.did, 'message', nullif(%(message)s::text, '')))
    FROM ended
    JOIN jobs AS job USING (job_id)
    LEFT JOIN workflows AS workflow ON workflow.workflow_id = job.workflow_id
    ORDER BY job.job_id
)
SELECT job_id FROM ended ORDER BY job_id
