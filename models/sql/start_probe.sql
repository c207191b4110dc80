-- Let a probe begin, and describe its slot. It counts for no stage and for no quota.
-- Called by models/probes.py at get_jobscript. Index: jobs_pkey.
-- moves: job, submitted -> started
WITH started AS (
    UPDATE jobs AS job
    SET state = 'started', site_id = %(site_id)s, entry_name = %(entry_name)s, hostname = %(hostname)s,
        site_job_id = %(site_job_id)s, cpuinfo = %(cpuinfo)s, os_release = %(os_release)s,
        wrapper_version = %(wrapper_version)s, slot_processors = %(processors)s, slot_rss_bytes = %(rss_bytes)s,
        slot_wall_seconds = %(wall_seconds)s, has_inner_apptainer = %(has_inner_apptainer)s,
        gpus = %(gpu_details)s::jsonb, started_at = clock_timestamp(), heartbeat_at = clock_timestamp()
    WHERE job.job_id = %(job_id)s AND job.state = 'submitted'
    RETURNING job.job_id, extract(epoch FROM clock_timestamp() - job.submitted_at) AS waited_seconds
)
INSERT INTO events (event_type, actor, job_id, site_id, entry_name, seconds)
SELECT 'job_started', 'allocator', job_id, %(site_id)s, %(entry_name)s, waited_seconds
FROM started
