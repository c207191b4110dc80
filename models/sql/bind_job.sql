-- Bind a job to a stage when the stage and its quota have room for one more, and describe its slot.
-- Called by matching.bind_job. Index: stage_loads_pkey, quota_loads_pkey, jobs_pkey.
-- moves: job, submitted -> started
WITH wanted AS (
    SELECT stage.stage_id, stage.workflow_id, stage.max_jobs, workflow.campaign_id, quota.quota_id, quota.max_running_jobs
    FROM stages AS stage
    JOIN workflows AS workflow ON workflow.workflow_id = stage.workflow_id AND workflow.state = 'running'
    JOIN scopes AS scope ON scope.name = workflow.scope
    JOIN quotas AS quota ON quota.quota_id = scope.quota_id
    WHERE stage.stage_id = %(stage_id)s
),
stage_load AS MATERIALIZED (
    SELECT load.running_jobs FROM stage_loads AS load WHERE load.stage_id = %(stage_id)s FOR NO KEY UPDATE
),
quota_load AS MATERIALIZED (
    SELECT load.running_jobs
    FROM quota_loads AS load, wanted
    WHERE load.quota_id = wanted.quota_id AND (SELECT count(*) FROM stage_load) = 1
    FOR NO KEY UPDATE OF load
),
fits AS MATERIALIZED (
    SELECT wanted.*
    FROM wanted, stage_load, quota_load
    WHERE quota_load.running_jobs < wanted.max_running_jobs
      AND (wanted.max_jobs IS NULL OR stage_load.running_jobs < wanted.max_jobs)
),
bound AS (
    UPDATE jobs AS job
    SET state = 'started', workflow_id = fits.workflow_id, stage_id = fits.stage_id, charged_quota_id = fits.quota_id,
        site_id = %(site_id)s, entry_name = %(entry_name)s, hostname = %(hostname)s, site_job_id = %(site_job_id)s,
        cpuinfo = %(cpuinfo)s, os_release = %(os_release)s, wrapper_version = %(wrapper_version)s,
        slot_processors = %(processors)s, slot_rss_bytes = %(rss_bytes)s, slot_wall_seconds = %(wall_seconds)s,
        has_inner_apptainer = %(has_inner_apptainer)s, gpus = %(gpu_details)s::jsonb,
        started_at = clock_timestamp(), heartbeat_at = clock_timestamp()
    FROM fits
    WHERE job.job_id = %(job_id)s AND job.state = 'submitted'
    RETURNING job.job_id, fits.workflow_id, fits.campaign_id, fits.stage_id, fits.quota_id,
              extract(epoch FROM clock_timestamp() - job.submitted_at) AS waited_seconds
),
stage_counted AS (
    UPDATE stage_loads AS load
    SET running_jobs = load.running_jobs + 1, unasked_jobs = load.unasked_jobs + 1
    FROM bound
    WHERE load.stage_id = bound.stage_id
),
quota_counted AS (
    UPDATE quota_loads AS load
    SET running_jobs = load.running_jobs + 1
    FROM bound
    WHERE load.quota_id = bound.quota_id
),
logged AS (
    INSERT INTO events (event_type, actor, workflow_id, campaign_id, stage_id, job_id, site_id, entry_name, seconds)
    SELECT 'job_started', 'allocator', workflow_id, campaign_id, stage_id, job_id, %(site_id)s, %(entry_name)s,
           waited_seconds
    FROM bound
)
SELECT EXISTS (SELECT FROM bound), EXISTS (SELECT FROM stage_load) AND EXISTS (SELECT FROM quota_load),
       EXISTS (SELECT FROM jobs WHERE job_id = %(job_id)s AND state = 'submitted')
