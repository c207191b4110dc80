-- Keep jobs that are about to enter the pool, and log each.
-- Called by demand.insert_jobs. Index: none is read.
-- moves: job, (new) -> submitted
WITH added AS (
    INSERT INTO jobs (jobsub_id, state, state_message, secret, jobscript_secret, quota_id, hint_stage_id, entry_name,
                      hostname, site_job_id, cpuinfo, os_release, wrapper_version, requested_processors,
                      requested_rss_bytes, requested_wall_seconds, requested_gpus, in_pool, asked_for_files)
    SELECT new.jobsub_id, 'submitted', '', new.secret, new.jobscript_secret, %(quota_id)s, %(hint_stage_id)s, '',
           '', '', '', '', '', %(processors)s, %(rss_bytes)s, %(wall_seconds)s, %(gpus)s, true, false
    FROM unnest(%(jobsub_ids)s::text[], %(secrets)s::text[], %(jobscript_secrets)s::text[])
         WITH ORDINALITY AS new (jobsub_id, secret, jobscript_secret, position)
    ORDER BY new.position
    RETURNING job_id, jobsub_id
)
INSERT INTO events (event_type, actor, workflow_id, campaign_id, stage_id, job_id, details)
SELECT 'job_submitted', %(actor)s, stage.workflow_id, workflow.campaign_id, stage.stage_id, added.job_id,
       jsonb_build_object('jobsub_id', added.jobsub_id)
FROM added
LEFT JOIN stages AS stage ON stage.stage_id = %(hint_stage_id)s
LEFT JOIN workflows AS workflow ON workflow.workflow_id = stage.workflow_id
ORDER BY added.job_id
